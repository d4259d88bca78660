// What the status bar says. Pure.

/** The server's notification `pilotfish/status`. */
export interface BackendStatus {
  readonly state: 'off' | 'starting' | 'ready' | 'working' | 'error';
  readonly message: string;
  readonly model: string;
  readonly backend: string;
}

/** How the language server is. */
export type ServerState =
  | { readonly kind: 'missing'; readonly reason?: string }
  | { readonly kind: 'stopped' | 'installing' | 'starting' | 'running' }
  | { readonly kind: 'failed'; readonly reason: string };

/** All that the status bar depends on. */
export interface Situation {
  readonly server: ServerState;
  readonly backend: BackendStatus | undefined;
  readonly enabled: boolean;
  /** The active editor's language when nothing is suggested in it. */
  readonly silentLanguage: string | undefined;
}

/** What to draw. */
export interface Drawn {
  /** Name of a codicon, `~spin` included. */
  readonly icon: string;
  readonly text: string;
  readonly tooltip: string;
  readonly alarming: boolean;
}

const NAME = 'Pilotfish';
const REASON = 40;

/** What the status bar says in a situation. */
export function draw(now: Situation): Drawn {
  if (now.server.kind === 'missing') {
    const reason = now.server.reason ?? 'The language server was not found on this machine.';
    return drawn('circle-slash', 'not installed', reason);
  }
  if (now.server.kind === 'failed') {
    return failed(now.server.reason);
  }
  if (now.server.kind === 'installing') {
    return drawn('loading~spin', 'installing', 'The language server is being installed.');
  }
  if (!now.enabled) {
    return drawn('circle-slash', 'off', 'Completions are switched off.');
  }
  if (now.server.kind === 'stopped') {
    return drawn('circle-slash', 'off', 'The language server is not running.');
  }
  if (now.silentLanguage !== undefined) {
    return drawn('circle-slash', `off for ${now.silentLanguage}`, 'This language is in languages.disabled.');
  }
  if (now.server.kind === 'starting' || now.backend === undefined) {
    return drawn('loading~spin', 'starting', 'The language server is starting.');
  }
  return STATES[now.backend.state](now.backend);
}

/** Whether something unknown is a status; servers of other versions may say other things. */
export function isStatus(value: unknown): value is BackendStatus {
  const status = value as Partial<BackendStatus> | null;
  return (
    typeof status === 'object' &&
    status !== null &&
    typeof status.state === 'string' &&
    Object.hasOwn(STATES, status.state) &&
    [status.message, status.model, status.backend].every((text) => typeof text === 'string')
  );
}

const STATES: Readonly<Record<BackendStatus['state'], (status: BackendStatus) => Drawn>> = {
  off: ({ message }) => drawn('circle-slash', 'off', sentence(message, 'The backend is off.')),
  starting: ({ message }) => {
    const percent = /\b\d{1,3} ?%/.exec(message)?.[0].replace(' ', '');
    const text = percent === undefined ? 'starting' : `starting ${percent}`;
    return drawn('loading~spin', text, sentence(message, 'The backend is starting.'));
  },
  ready: (status) => drawn('sparkle', modelOf(status), sentence(status.message, 'Ready.')),
  working: (status) => drawn('sync~spin', modelOf(status), 'A suggestion is being computed.'),
  error: ({ message }) => failed(message),
};

function modelOf({ model, backend }: BackendStatus): string {
  return `${model || 'ready'} (${backend || 'local'})`;
}

function failed(reason: string): Drawn {
  const short = reason.length > REASON ? `${reason.slice(0, REASON - 1).trimEnd()}…` : reason;
  const text = short === '' ? 'error' : `error: ${short}`;
  return { ...drawn('warning', text, sentence(reason, 'Something went wrong.')), alarming: true };
}

function drawn(icon: string, text: string, tooltip: string): Drawn {
  return { icon, text: `${NAME}: ${text}`, tooltip: `${NAME}: ${tooltip}`, alarming: false };
}

function sentence(message: string, otherwise: string): string {
  return message === '' ? otherwise : message;
}
