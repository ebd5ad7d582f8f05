import { isId } from '../../ids.ts'
import { resemblesJwt } from './jwt.ts'

/** Printable ASCII without blanks: what a header carries as it is. */
const shape = /^[\x21-\x7e]{16,512}$/

/**
 * Whether it may be a secret that was issued elsewhere: it has no shape of its own, so that only a
 * look-up can tell. What begins as a key of ours, resembles a JWT or is an id is never one.
 *
 * @param prefixes of the keys that this installation ever made
 */
export const hasLegacyShape = (text: string, prefixes: ReadonlySet<string>): boolean =>
  shape.test(text) &&
  !prefixes.values().some((prefix) => text.startsWith(`${prefix}_`)) &&
  !isId(text) &&
  !resemblesJwt(text)
