// The language client: how the server is started, and what passes between it and VS Code in another way than usual.

import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  type LanguageClientOptions,
  type Middleware,
} from 'vscode-languageclient/node';

import { SECTION, type Tree } from './settings';

/** Documents that are completed in. */
export const DOCUMENTS = [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-notebook-cell' }];

/** What a client is made of. */
export interface ClientParts {
  readonly server: string;
  readonly args: readonly string[];
  /** A folder of ours: the server never starts in the workspace. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: vscode.LogOutputChannel;
  readonly options: () => Tree;
  readonly settings: () => Promise<Tree>;
  /** Whether completions are switched on. */
  readonly mayAsk: () => boolean;
  readonly contextOf: (context: vscode.InlineCompletionContext) => vscode.InlineCompletionContext;
  readonly progress: NonNullable<Middleware['handleWorkDoneProgress']>;
  /** The server ended though nobody asked it to. */
  readonly ended: () => void;
}

/** A client that logs its own troubles and leaves it to us to tell of them: once, and in words for people. */
export class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown, _show?: boolean | 'force'): void {
    super.error(message, data, false);
  }

  override warn(message: string, data?: unknown, _show?: boolean): void {
    super.warn(message, data, false);
  }

  override info(message: string, data?: unknown, _show?: boolean): void {
    super.info(message, data, false);
  }
}

/** Make a client; nothing is started yet. */
export function createClient(parts: ClientParts): QuietClient {
  const options: LanguageClientOptions = {
    documentSelector: DOCUMENTS,
    outputChannel: parts.log,
    traceOutputChannel: untraced(parts.log),
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationOptions: parts.options,
    // The session tells of it.
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      // The session starts it again, in turn with all else that starts and stops it.
      closed: () => {
        parts.ended();
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    },
    middleware: {
      handleWorkDoneProgress: parts.progress,
      provideInlineCompletionItems: (document, position, context, token, next) =>
        parts.mayAsk() ? next(document, position, parts.contextOf(context), token) : null,
      workspace: {
        // Not as VS Code would answer: it adds every default, and those would outrank the user's config.toml.
        configuration: async (params) => {
          const tree = await parts.settings();
          return params.items.map((item) => (item.section === SECTION ? tree : null));
        },
        // The session passes changes on: some take a new server.
        didChangeConfiguration: () => Promise.resolve(),
      },
    },
  };
  const server = {
    command: parts.server,
    args: [...parts.args],
    options: { cwd: parts.cwd, env: parts.env },
  };
  return new QuietClient(SECTION, 'Pilotfish', server, options);
}

/** The log for traces, which can't be switched on: messages hold the user's text, and a key. */
function untraced(log: vscode.LogOutputChannel): vscode.LogOutputChannel {
  return Object.create(log, {
    logLevel: { value: vscode.LogLevel.Off },
    onDidChangeLogLevel: { value: () => new vscode.Disposable(() => undefined) },
  }) as vscode.LogOutputChannel;
}
