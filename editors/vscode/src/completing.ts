// Requests for ghost text on their way to the server, and the rest of a line whose first half was shown in a burst.
//
// While somebody types, the server answers before the next key, with as much of the line as is there. VS Code does not
// ask again when the typing stops, so half of a line would stay. Here the server is asked once more a moment later; if
// it has more to say, VS Code is made to ask again, and gets that.

import * as vscode from 'vscode';
import type { Middleware } from 'vscode-languageclient/node';

import { isLonger } from './longer';

/** Milliseconds after an answer; the server drops what it had begun when nobody has asked for it for 300. */
const LATER = 200;

type Provide = NonNullable<Middleware['provideInlineCompletionItems']>;
type Next = Parameters<Provide>[4];
type Answer = Awaited<ReturnType<Next>>;

/** One question of VS Code's; an edit or a movement makes it old. */
interface Question {
  readonly document: vscode.TextDocument;
  readonly version: number;
  readonly position: vscode.Position;
}

/** Passes requests on. */
export class Completing implements vscode.Disposable {
  private timer: NodeJS.Timeout | undefined;
  private more: { readonly question: Question; readonly answer: Answer } | undefined;

  constructor(private readonly enabled: () => boolean) {}

  /** For the client's middleware. */
  readonly provide: Provide = async (document, position, context, token, next) => {
    clearTimeout(this.timer);
    const more = this.more;
    this.more = undefined;
    if (!this.enabled()) {
      return null;
    }
    const question = { document, version: document.version, position };
    if (more !== undefined && isStill(more.question, document, position)) {
      return more.answer;
    }
    const answer = await next(document, position, context, token);
    const automatic = context.triggerKind === vscode.InlineCompletionTriggerKind.Automatic;
    if (automatic && !token.isCancellationRequested && itemCount(answer) > 0) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.askAgain(question, context, answer, next), LATER);
    }
    return answer;
  };

  dispose(): void {
    clearTimeout(this.timer);
  }

  private async askAgain(
    question: Question,
    context: vscode.InlineCompletionContext,
    before: Answer,
    next: Next,
  ): Promise<void> {
    if (!isUnderCursor(question)) {
      return;
    }
    const cancel = new vscode.CancellationTokenSource();
    const answer = await next(question.document, question.position, context, cancel.token);
    cancel.dispose();
    if (isUnderCursor(question) && isLonger(answer, before)) {
      this.more = { question, answer };
      // Older versions take no argument and ask as if by hand; they are answered above all the same.
      await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger', { explicit: false });
    }
  }
}

function itemCount(answer: Answer): number {
  return (Array.isArray(answer) ? answer : (answer?.items ?? [])).length;
}

function isUnderCursor(question: Question): boolean {
  const editor = vscode.window.activeTextEditor;
  return editor !== undefined && isStill(question, editor.document, editor.selection.active);
}

function isStill(question: Question, document: vscode.TextDocument, position: vscode.Position): boolean {
  return (
    question.document === document &&
    question.version === document.version &&
    question.position.isEqual(position)
  );
}
