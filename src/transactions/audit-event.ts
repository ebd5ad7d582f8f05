import type { Caller } from '../auth/caller.ts'
import type { AuditAction } from './audit-actions.ts'

/** Who did something, as the audit keeps it. */
export interface Actor {
  readonly kind: Caller['kind'] | null
  readonly id: string | null
  /** As the workspace shows them. */
  readonly name: string
  readonly apiKeyId: string | null
  readonly accessTokenId: string | null
  readonly address: string | undefined
  readonly requestId: string | undefined
}

/** What one field was and is; values as they are shown in the API, never a secret. */
export interface FieldChange {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** One thing done, as a service tells it. Who did it and when is known by the transaction. */
export interface ChangeEvent {
  readonly action: AuditAction
  readonly targetId: string
  readonly targetName: string
  readonly changes?: readonly FieldChange[]
  /** Absent: whose transaction it is. */
  readonly actor?: Actor
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
