// Whether an address and a key can be right at all. Pure.

/** What is wrong with an address, or undefined. */
export function addressProblem(text: string): string | undefined {
  const address = text.trim();
  if (!/^https?:\/\//i.test(address)) {
    return 'An address begins with https:// or http://';
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || url.hostname === '') {
    return 'This is no address of a server';
  }
  return url.username === '' && url.password === ''
    ? undefined
    : 'Leave the key out of the address: it is asked for next';
}

/** What is wrong with a key, or undefined. */
export function keyProblem(text: string): string | undefined {
  // A header can't carry other characters.
  return /^[\x20-\x7e]*$/.test(text.trim()) ? undefined : 'A key has only plain ASCII characters';
}
