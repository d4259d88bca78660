// Why an installation failed, in words that tell what to do. Pure.

import { lastWords, type Ended } from './run';

/** What installers write, and what it means; the first that fits counts. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [/No space left on device|ENOSPC/, 'the disk is full'],
  [
    /NewConnectionError|ConnectTimeout|ProxyError|NameResolutionError|Network is unreachable|dns error|error sending request|Connection refused/,
    'the package index can’t be reached: check the network, and what pip or uv are told of proxies and indexes',
  ],
  [
    /CERTIFICATE_VERIFY_FAILED|invalid peer certificate/,
    'the package index shows a certificate that is not trusted: tell pip or uv of your certificate authority',
  ],
  [
    /No matching distribution found for (xllamacpp|gguf)|(xllamacpp|gguf)\S* has no wheels/,
    'the local engine is not built for this machine: choose the environment without a local model',
  ],
  [/Permission denied|EACCES/, 'a folder can’t be written to; the log says which'],
];

/** The reason, or else the last thing that the installer said. */
export function whyFailed(ended: Ended): string {
  const said = ended.output + ended.errors;
  return MEANINGS.find(([pattern]) => pattern.test(said))?.[1] ?? lastWords(ended);
}
