/** What one field was and is; values as they are shown in the API, never a secret. */
export interface FieldChange {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** One thing done, as a service tells it. Who did it and when is known by the transaction. */
export interface ChangeEvent {
  /** `noun.verb_in_past`, e.g. api_key.rotated. */
  readonly action: string
  readonly targetId: string
  readonly targetName: string
  readonly changes?: readonly FieldChange[]
}

const plain = (value: unknown): string => JSON.stringify(value ?? null)

/** The fields of `after` that differ from `before`, by the value shown. */
export const changesBetween = <T extends object>(before: Partial<T>, after: T): FieldChange[] =>
  Object.entries(after)
    .map(
      ([field, value]): FieldChange => ({
        field,
        before: before[field as keyof T] ?? null,
        after: value ?? null,
      }),
    )
    .filter((change) => plain(change.before) !== plain(change.after))

/** The JSON text that is stored of an event's changes, each value as JSON text of its own. */
export const changesText = (changes: readonly FieldChange[]): string =>
  JSON.stringify(
    changes.map(({ field, before, after }) => ({
      field,
      before: plain(before),
      after: plain(after),
    })),
  )
