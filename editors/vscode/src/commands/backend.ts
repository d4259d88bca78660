// Start, stop and restart of the backend, and of the language server.

import { offerInstall } from './install';
import type { Parts } from './parts';

/** Start the local backend, or connect to the remote one again. */
export async function startBackend(parts: Parts): Promise<void> {
  await ask(parts, 'pilotfish.backend.start');
}

/** Stop the local backend for all windows; it stays off until a start. */
export async function stopBackend(parts: Parts): Promise<void> {
  await ask(parts, 'pilotfish.backend.stop');
}

/** Stop the local backend and start it; with a remote one, connect anew. */
export async function restartBackend(parts: Parts): Promise<void> {
  await ask(parts, 'pilotfish.backend.restart');
}

/** End the language server and start it again. */
export async function restartServer(parts: Parts): Promise<void> {
  if (!(await parts.session.restart())) {
    await offerInstall(parts);
  }
}

/** Have the server execute one of its commands; where there is no server, offer to install it. */
async function ask(parts: Parts, command: string): Promise<void> {
  if (!(await parts.session.start())) {
    await offerInstall(parts);
  }
  await parts.session.execute(command);
}
