import { monotonicFactory } from 'ulid'

/** The kinds of ids, by what they name. */
export type IdKind =
  | 'wsp'
  | 'usr'
  | 'mem'
  | 'spc'
  | 'agt'
  | 'key'
  | 'tok'
  | 'scp'
  | 'ses'
  | 'run'
  | 'doc'
  | 'rep'
  | 'evt'
  | 'whk'
  | 'whd'

const nextUlid = monotonicFactory()
const shape = /^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/

/** A new id: its kind, `_` and a time-ordered body. */
export const newId = (kind: IdKind): string => `${kind}_${nextUlid().toLowerCase()}`

/** Whether it has an id's shape; anything else names nothing and is not looked up. */
export const isId = (value: string): boolean => shape.test(value)

/** The prefix of an id, which names its kind. */
export const prefixOf = (id: string): string => id.slice(0, 3)

/** Whether it has the shape of an id of that kind. */
export const isIdOf = (kind: IdKind, value: string): boolean =>
  value.startsWith(kind) && isId(value)
