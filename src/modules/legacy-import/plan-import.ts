import type { KeySettings } from '../../auth/delegation.ts'
import { newId } from '../../ids.ts'
import { nameKey } from '../../input/text.ts'
import { nameTaken } from '../api-key/key-name.ts'
import {
  hashText,
  type ImportChange,
  type Known,
  nameSlot,
  type Surroundings,
} from './import-context.ts'
import { legacyTerms, pathOf, type ReadKey } from './key-input.ts'
import type { NewLegacyKey } from './store-keys.ts'

/** What becomes of one key, before anything is stored. */
export interface Decided {
  readonly key: ReadKey
  /** The key that is there already, or is to be; absent: none, and its problems say why. */
  readonly id?: string
  /** What is to be stored; absent where nothing is. */
  readonly made?: NewLegacyKey
}

/** Notes that a secret is that of another key, of which the importer may know. */
const recordKnown = ({ problems, index }: ReadKey): void =>
  problems.add(
    'CONFLICT',
    [...pathOf(index), 'value'],
    'This secret is known already, as that of another key or with other grants.',
  )

/** Notes that a secret is taken. Whose it is, what for and in which workspace is not told. */
export const validateNameFree = ({ problems, index }: ReadKey): void =>
  problems.add('CONFLICT', [...pathOf(index), 'value'], 'This secret cannot be imported.')

const areSame = (a: readonly string[], b: readonly string[]): boolean =>
  new Set(a).size === new Set(b).size && new Set([...a, ...b]).size === new Set(a).size

const spacesOf = ({ grants }: KeySettings): string[] => grants.map(({ spaceId }) => spaceId)

/** Whether the key that is there has the owner and the grants that an imported one would have. */
const isSameGrant = (there: KeySettings, wanted: KeySettings): boolean =>
  there.ownerId === wanted.ownerId &&
  there.scopes.length === 0 &&
  areSame(there.permissions, wanted.permissions) &&
  there.allSpaces === wanted.allSpaces &&
  areSame(spacesOf(there), spacesOf(wanted)) &&
  !there.grants.some(({ narrowed }) => narrowed)

/** Decides on keys one after the other, each held against what is there and those before it. */
export function decider(c: ImportChange, surroundings: Surroundings): (key: ReadKey) => Decided {
  const { names, room } = surroundings
  const secrets = new Map<string, Known | null>(surroundings.secrets)
  const taken = new Set<string>()

  return (key) => {
    const terms = legacyTerms(c, surroundings, key)
    if (terms === undefined) return { key }
    const { problems, index, name, secret } = key
    const text = hashText(secret.hash)
    const there = secrets.get(text)
    if (there !== undefined) {
      if (there !== null && isSameGrant(there.terms, terms)) return { key, id: there.id }
      recordKnown(key)
      return { key }
    }
    const slot = nameSlot(terms.ownerId, nameKey(name))
    const holder = names.get(slot)
    const path = pathOf(index)
    const live = taken.has(slot) ? { isReadable: true } : holder?.isExpired ? undefined : holder
    if (live !== undefined) {
      const { code, message } = nameTaken(live)
      problems.add(code, [...path, 'name'], message)
    }
    if (taken.size >= room)
      problems.add('LIMIT_REACHED', path, 'The plan allows no more live keys.')
    if (problems.any) return { key }
    const id = newId('key')
    secrets.set(text, { id, terms })
    taken.add(slot)
    return { key, id, made: { id, name, secret, terms, losesName: holder?.id ?? null } }
  }
}
