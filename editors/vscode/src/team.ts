// Asking a team backend whether an address and a key are right, through the language server: it knows proxies and
// certificates, and its sentences say what is wrong.

import type { Session } from './session';

/** What came of it. */
export interface Checked {
  readonly ok: boolean;
  /** What is wrong, or what was found, for people. */
  readonly message: string;
  readonly models: readonly string[];
}

const COMMAND = 'pilotfish.backend.check';

/** Ask; nothing is saved. */
export async function checkBackend(session: Session, url: string, apiKey: string): Promise<Checked> {
  if (!(await session.start())) {
    return failed('The language server does not run; without it the backend can’t be asked.');
  }
  if (!session.offers(COMMAND)) {
    return failed('This language server is too old to check a backend: install a newer one.');
  }
  const answer = await session.execute<unknown>(COMMAND, { url, apiKey });
  return readChecked(answer);
}

/** Read the server's answer. */
export function readChecked(answer: unknown): Checked {
  const { ok, message, models } = (answer ?? {}) as Record<string, unknown>;
  return {
    ok: ok === true,
    message: typeof message === 'string' && message !== '' ? message : 'The backend could not be asked.',
    models: Array.isArray(models) ? models.filter((model) => typeof model === 'string') : [],
  };
}

function failed(message: string): Checked {
  return { ok: false, message, models: [] };
}
