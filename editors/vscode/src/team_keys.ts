// Keys of team backends, one for each address, in the editor's secret storage.

/** As much of VS Code's SecretStorage as is needed here. */
export interface Secrets {
  get(name: string): Thenable<string | undefined>;
  store(name: string, value: string): Thenable<void>;
  delete(name: string): Thenable<void>;
}

/** Keeps the keys. Each goes only to the address that it was saved for, whoever changes the address later. */
export class TeamKeys {
  constructor(private readonly secrets: Secrets) {}

  /** The key for an address, or undefined. */
  async get(url: string): Promise<string | undefined> {
    return await this.secrets.get(nameFor(url));
  }

  /** Save the key for an address; an empty one is forgotten. */
  async save(url: string, key: string): Promise<void> {
    await (key === '' ? this.secrets.delete(nameFor(url)) : this.secrets.store(nameFor(url), key));
  }

  /** Forget the key for an address. */
  async forget(url: string): Promise<void> {
    await this.secrets.delete(nameFor(url));
  }
}

function nameFor(url: string): string {
  return `apiKey ${url.trim().replace(/\/+$/, '')}`;
}
