// The language server's life in this window: found, started, started again, stopped. One step at a time.

import * as vscode from 'vscode';

import { createClient, type QuietClient } from './client';
import type { Configuration } from './configuration';
import { Crashes } from './crashes';
import { withDeadline } from './deadline';
import { Messages } from './messages';
import { AskingAgain } from './more';
import type { Place } from './place';
import { Progresses } from './progress';
import { needsRestart, startOptions, type Tree } from './settings';
import { isStatus, type BackendStatus, type ServerState } from './status';

/** Milliseconds in which a server has to answer its first message; a busy machine with a cold disk takes several s. */
const START = 60_000;

/** Runs the language server and passes on what it says. */
export class Session implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  /** The server's state or the backend's has changed. */
  readonly onDidChange = this.changed.event;
  private readonly crashes = new Crashes();
  private readonly messages = new Messages();
  private client: QuietClient | undefined;
  private serverState: ServerState = { kind: 'stopped' };
  private backendStatus: BackendStatus | undefined;
  private sent: Tree = {};
  private switchedOn = true;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly place: Place,
    private readonly configuration: Configuration,
    readonly log: vscode.LogOutputChannel,
  ) {}

  /** How the server is. */
  get server(): ServerState {
    return this.serverState;
  }

  /** How the backend is; undefined while the server has not said. */
  get backend(): BackendStatus | undefined {
    return this.backendStatus;
  }

  /** The version that the running server says it is. */
  get version(): string | undefined {
    return this.client?.initializeResult?.serverInfo?.version;
  }

  /** Start the server unless it runs; tells whether it does now. Never rejects. */
  start(): Promise<boolean> {
    return this.inTurn(async () => this.serverState.kind === 'running' || (await this.launch()));
  }

  /** Stop the server and start it again, because the user or a setting wants so. */
  restart(): Promise<boolean> {
    return this.inTurn(async () => {
      this.crashes.forget();
      await this.halt();
      return await this.launch();
    });
  }

  /** Stop the server. */
  stop(): Promise<void> {
    return this.inTurn(() => this.halt());
  }

  /** Install a server, and start it in place of the one that runs, if any. Rejects as `install` does. */
  async replace(install: () => Promise<void>): Promise<boolean> {
    const before = this.serverState;
    if (before.kind !== 'running') {
      this.become({ kind: 'installing' });
    }
    try {
      await install();
    } catch (error) {
      if (this.serverState.kind === 'installing') {
        this.become(before);
      }
      throw error;
    }
    return await this.restart();
  }

  /** Have the server execute a command, started if need be; undefined when there is no server. */
  async execute<T>(command: string, ...args: unknown[]): Promise<T | undefined> {
    if (!(await this.start()) || this.client === undefined) {
      return undefined;
    }
    return await this.client.sendRequest<T>('workspace/executeCommand', { command, arguments: args });
  }

  /** The same, for commands whose answer the server also says in a message that nobody needs here. */
  executeQuietly<T>(command: string): Promise<T | undefined> {
    return this.messages.without(() => this.execute<T>(command));
  }

  /** Send a notification if the server runs. */
  async notify(method: string, params: object): Promise<void> {
    if (this.client !== undefined && this.serverState.kind === 'running') {
      await this.client.sendNotification(method, params);
    }
  }

  /** Whether the running server has a command. */
  offers(command: string): boolean {
    return (
      this.client?.initializeResult?.capabilities.executeCommandProvider?.commands.includes(command) ?? false
    );
  }

  /** Pass changed settings on; some take a new server. */
  settingsChanged(): Promise<void> {
    return this.inTurn(async () => {
      if (this.serverState.kind !== 'running') {
        return;
      }
      if (needsRestart(this.sent, this.configuration.tree)) {
        await this.halt();
        await this.launch();
        return;
      }
      const settings = { pilotfish: await this.configuration.treeWithKey() };
      await this.notify('workspace/didChangeConfiguration', { settings });
      await this.switchServer();
    });
  }

  dispose(): void {
    this.changed.dispose();
  }

  private async launch(): Promise<boolean> {
    const found = this.place.find();
    if (found.kind === 'missing') {
      this.become(found);
      return false;
    }
    this.become({ kind: 'starting' });
    this.switchedOn = true;
    const tree = (this.sent = this.configuration.tree);
    const again = new AskingAgain();
    const progresses = new Progresses((token) => this.notify('window/workDoneProgress/cancel', { token }));
    const client: QuietClient = (this.client = createClient({
      server: found.path,
      args: ['--log-file', this.place.serverLog],
      cwd: this.place.storage,
      env: this.place.environment,
      log: this.log,
      options: () => startOptions(tree, vscode.workspace.isTrusted),
      settings: () => this.configuration.treeWithKey(),
      mayAsk: () => this.configuration.enabled,
      contextOf: (context) => again.contextOf(context),
      progress: (token, params, next) => {
        progresses.handle(token, params, () => {
          next(token, params);
        });
      },
      ended: () => {
        progresses.endAll();
        this.ended(client);
      },
    }));
    client.onNotification('pilotfish/status', (status: unknown) => {
      if (isStatus(status)) {
        this.backendStatus = status;
        this.changed.fire();
      }
    });
    again.listen(client);
    this.messages.show(client);
    this.log.info(`starting ${found.path}`);
    try {
      await this.place.prepare();
      await withDeadline(client.start(), START);
      this.become({ kind: 'running' });
      await this.switchServer();
      return true;
    } catch (error) {
      client.serverProcess?.kill('SIGKILL');
      this.client = undefined;
      const reason = error instanceof Error ? error.message : String(error);
      this.become({ kind: 'failed', reason: `the language server did not start (${reason})` });
      return false;
    }
  }

  private async halt(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.backendStatus = undefined;
    this.become({ kind: 'stopped' });
    if (client === undefined) {
      return;
    }
    try {
      await client.dispose();
    } catch (error) {
      // It did not answer in time, or never ran; it is ended either way.
      this.log.warn(`the language server did not stop by itself: ${String(error)}`);
    }
  }

  /** The server ended though nobody asked it to. One that did not even start is not tried again. */
  private ended(client: QuietClient): void {
    if (client !== this.client || this.serverState.kind !== 'running') {
      return;
    }
    // It cleans up after itself; only a running one has to be stopped.
    this.client = undefined;
    this.backendStatus = undefined;
    if (this.crashes.happened(Date.now())) {
      this.become({ kind: 'starting' });
      void this.inTurn(() => this.launch());
    } else {
      this.become({ kind: 'failed', reason: 'the language server keeps ending unexpectedly' });
    }
  }

  /** Have the server hold its peace too while completions are switched off: it reads ahead otherwise. */
  private async switchServer(): Promise<void> {
    const wanted = this.configuration.enabled;
    if (this.serverState.kind !== 'running' || this.client === undefined || wanted === this.switchedOn) {
      return;
    }
    const on = await this.client.sendRequest('workspace/executeCommand', { command: 'pilotfish.toggle' });
    this.switchedOn = on === true;
  }

  private become(state: ServerState): void {
    this.serverState = state;
    this.changed.fire();
  }

  private inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.last.then(step);
    this.last = result.catch(() => undefined);
    return result;
  }
}
