// What commands work with.

import type * as vscode from 'vscode';

import type { Configuration } from '../configuration';
import type { Place } from '../place';
import type { Session } from '../session';
import type { TeamKeys } from '../team_keys';

/** The parts of the extension that commands use. */
export interface Parts {
  readonly context: vscode.ExtensionContext;
  readonly session: Session;
  readonly configuration: Configuration;
  readonly place: Place;
  readonly keys: TeamKeys;
  readonly log: vscode.LogOutputChannel;
}

/** What a command does; what it rejects with is shown to the user. */
export type Command = (parts: Parts) => Promise<void>;
