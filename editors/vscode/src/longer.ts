// Whether a later answer for the same place says more than the one that is shown. Pure.

/** As much of an item of ghost text as is needed here. */
interface Item {
  readonly insertText: string | { readonly value: string };
}

/** What providers of ghost text answer. */
export type Items = readonly Item[] | { readonly items: readonly Item[] } | null | undefined;

/** The text that an answer would insert first; empty: nothing. */
export function firstText(answer: Items): string {
  const items = answer && 'items' in answer ? answer.items : (answer ?? []);
  const text = items[0]?.insertText ?? '';
  return typeof text === 'string' ? text : text.value;
}

/** Whether the later answer goes on where the one before ended. */
export function isLonger(later: Items, before: Items): boolean {
  const [now, then] = [firstText(later), firstText(before)];
  return then !== '' && now.length > then.length && now.startsWith(then);
}
