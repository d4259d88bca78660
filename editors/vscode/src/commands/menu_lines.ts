// Which lines the menu has. Pure.

import type { BackendStatus, ServerState } from '../status';

/** All that the menu depends on. */
export interface MenuSituation {
  readonly server: ServerState;
  readonly backend: BackendStatus | undefined;
  readonly enabled: boolean;
  /** The team backend's address that is set; empty: none. */
  readonly url: string;
  /** The active editor's language. */
  readonly language: string | undefined;
  /** Whether nothing is suggested in it. */
  readonly silent: boolean;
}

/** One line: a command of ours or of VS Code's. */
export interface MenuLine {
  readonly icon: string;
  readonly label: string;
  readonly description?: string;
  readonly command: string;
}

/** The lines in their order: first what a click on this state most likely wants. */
export function menuLines(now: MenuSituation): MenuLine[] {
  if (now.server.kind === 'missing') {
    return [line('cloud-download', 'Install the Language Server…', 'pilotfish.install'), SETTINGS];
  }
  return [...backendLines(now), ...switchLines(now), ...aboutBackend(now), ...LOOKING, SETTINGS];
}

const SETTINGS = line('gear', 'Settings', 'workbench.action.openSettings');
const LOOKING = [
  line('output', 'Show Logs…', 'pilotfish.showLogs'),
  line('checklist', 'Check the Installation', 'pilotfish.doctor'),
];

function backendLines({ server, backend, enabled }: MenuSituation): MenuLine[] {
  if (!enabled) {
    return [];
  }
  if (server.kind === 'failed' || server.kind === 'stopped') {
    return [line('debug-restart', 'Restart Language Server', 'pilotfish.restartServer')];
  }
  if (backend?.backend === 'remote') {
    return [line('debug-restart', 'Connect Again', 'pilotfish.restart')];
  }
  if (backend?.state === 'off') {
    return [line('play', 'Start Backend', 'pilotfish.start')];
  }
  return [
    line('debug-stop', 'Stop Backend', 'pilotfish.stop', 'for all windows'),
    line('debug-restart', 'Restart Backend', 'pilotfish.restart'),
  ];
}

function switchLines({ enabled, language, silent }: MenuSituation): MenuLine[] {
  if (!enabled) {
    return [line('circle-large-filled', 'Turn Completions On', 'pilotfish.toggleCompletions')];
  }
  const inLanguage = `Turn Completions ${silent ? 'On' : 'Off'} for ${language ?? ''}`;
  return [
    line('circle-slash', 'Turn Completions Off', 'pilotfish.toggleCompletions'),
    ...(language === undefined ? [] : [line('code', inLanguage, 'pilotfish.toggleLanguage')]),
  ];
}

function aboutBackend({ backend, url }: MenuSituation): MenuLine[] {
  const lines = [
    line('symbol-constant', 'Choose Model…', 'pilotfish.chooseModel', backend?.model),
    line('organization', 'Connect to a Team Backend…', 'pilotfish.connectTeam', url),
  ];
  return url === '' ? lines : [...lines, line('home', 'Use the Local Backend', 'pilotfish.useLocal')];
}

function line(icon: string, label: string, command: string, description?: string): MenuLine {
  return { icon, label, command, ...(description ? { description } : {}) };
}
