// The server's work-done progress as notifications: vscode-languageclient shows it where it can't be cancelled.

import * as vscode from 'vscode';
import type {
  ProgressToken,
  WorkDoneProgressBegin,
  WorkDoneProgressEnd,
  WorkDoneProgressReport,
} from 'vscode-languageclient/node';

type Params = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

interface Shown {
  readonly title: string;
  /** Percent shown so far. */
  done: number;
  progress: vscode.Progress<{ message?: string; increment?: number }> | undefined;
  last: WorkDoneProgressReport | undefined;
  end: () => void;
}

/** Shows the progresses of one server. */
export class Progresses {
  private readonly shown = new Map<ProgressToken, Shown>();

  constructor(private readonly cancel: (token: ProgressToken) => Promise<void>) {}

  /** Take what the server says of one; `next` lets the language client forget it. */
  handle(token: ProgressToken, params: Params, next: () => void): void {
    if (params.kind === 'begin') {
      this.begin(token, params);
    } else if (params.kind === 'report') {
      const shown = this.shown.get(token);
      if (shown !== undefined) {
        report(shown, params);
      }
    } else {
      this.shown.get(token)?.end();
      this.shown.delete(token);
      next();
    }
  }

  /** End all: the server is gone. */
  endAll(): void {
    this.shown.forEach((shown) => {
      shown.end();
    });
    this.shown.clear();
  }

  private begin(token: ProgressToken, params: WorkDoneProgressBegin): void {
    const shown: Shown = {
      title: params.title,
      done: 0,
      progress: undefined,
      last: undefined,
      end: () => undefined,
    };
    const ended = new Promise<void>((resolve) => (shown.end = resolve));
    this.shown.set(token, shown);
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: params.title,
      cancellable: params.cancellable ?? false,
    };
    void vscode.window.withProgress(options, async (progress, cancelled) => {
      shown.progress = progress;
      const listener = cancelled.onCancellationRequested(() => this.cancel(token));
      report(shown, shown.last ?? { kind: 'report', ...percentage(params) });
      await ended;
      listener.dispose();
    });
  }
}

function report(shown: Shown, params: WorkDoneProgressReport): void {
  shown.last = params;
  const percent = params.percentage;
  // Some begin by saying again what their title says.
  const message = shown.title.endsWith(params.message ?? '') ? undefined : params.message;
  const increment = percent === undefined ? 0 : Math.max(0, percent - shown.done);
  shown.done += shown.progress === undefined ? 0 : increment;
  shown.progress?.report({
    ...(message === undefined ? {} : { message }),
    ...(percent === undefined ? {} : { increment }),
  });
}

function percentage(params: WorkDoneProgressBegin): { message?: string; percentage?: number } {
  return {
    ...(params.message === undefined ? {} : { message: params.message }),
    ...(params.percentage === undefined ? {} : { percentage: params.percentage }),
  };
}
