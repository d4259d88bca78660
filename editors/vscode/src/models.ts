// The models that can be chosen, as the backend's program and team backends tell them. Pure.

/** One model of the catalogue. */
export interface CatalogueModel {
  readonly name: string;
  /** Bytes to download, where known. */
  readonly size: number | undefined;
  readonly licence: string;
  /** Whether it is on this machine. */
  readonly present: boolean;
  readonly isDefault: boolean;
  /** Whether it fills in the middle. */
  readonly fim: boolean;
}

/** A line of the quick pick. */
export interface ModelLine {
  readonly label: string;
  readonly description: string;
  readonly name: string;
}

/** Read what `pilotfish-backend models --json` says; what is odd is passed over. Throws where it is no JSON. */
export function parseModels(output: string): CatalogueModel[] {
  const answer = JSON.parse(output) as unknown;
  const entries = Array.isArray(answer) ? answer : (answer as { models?: unknown } | null)?.models;
  return (Array.isArray(entries) ? (entries as unknown[]) : []).flatMap((entry) => {
    const model = entry as Record<string, unknown> | null;
    if (typeof model !== 'object' || model === null || typeof model['name'] !== 'string') {
      return [];
    }
    const { name, size, licence } = model;
    return {
      name,
      size: typeof size === 'number' ? size : undefined,
      licence: typeof licence === 'string' ? licence : '',
      present: model['present'] === true,
      isDefault: model['default'] === true,
      fim: model['fim'] === true,
    };
  });
}

/** The catalogue as lines, what is on this machine first; `current` is what is in use. */
export function catalogueLines(models: readonly CatalogueModel[], current: string): ModelLine[] {
  return models
    .toSorted((a, b) => Number(b.present) - Number(a.present))
    .map((model) => {
      const facts = [
        model.size === undefined ? '' : bytes(model.size),
        model.licence,
        model.fim ? 'fills in the middle' : '',
        model.isDefault ? 'default' : '',
        model.present ? 'downloaded' : '',
      ];
      return line(model.name, facts, current);
    });
}

/** A team backend's models as lines. */
export function remoteLines(names: readonly string[], current: string): ModelLine[] {
  return names.map((name) => line(name, [], current));
}

/** A size for people: 93 MB, 1.7 GB. */
export function bytes(count: number): string {
  return count < 1e9 ? `${Math.round(count / 1e6)} MB` : `${(count / 1e9).toFixed(1)} GB`;
}

function line(name: string, facts: readonly string[], current: string): ModelLine {
  const said = [...facts, name === current ? 'in use' : ''].filter((fact) => fact !== '');
  return { label: name, description: said.join(' · '), name };
}
