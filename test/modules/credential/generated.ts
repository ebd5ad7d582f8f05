import fc from 'fast-check'
import { aliases, expand, isPerSpace, permissionNames } from '../../../src/auth/permissions.ts'
import { closed } from '../../auth/generated-keys.ts'

/** Where keys have grants, where tokens are for, and what is asked about: by name. */
export const grantable = ['open', 'another', 'restricted', 'closed'] as const
export const askable = [...grantable, 'deleted', 'foreign', 'nonsense'] as const
export type SpaceName = (typeof askable)[number]

export const owners = [
  'OWNER',
  'ADMIN',
  'ADMIN robot',
  'BUILDER',
  'MEMBER',
  'MEMBER robot',
] as const
export const gone = ['gone ADMIN', 'gone MEMBER robot'] as const
export const addresses = ['in', 'in v6', 'mapped', 'out', 'out v6', 'none'] as const

const name = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...permissionNames) },
  { weight: 1, arbitrary: fc.constantFrom(...aliases.keys()) },
)
const names = (maxLength: number) => fc.uniqueArray(name, { maxLength })
const oneIn = (n: number) => fc.constantFrom(...Array<boolean>(n - 1).fill(false), true)
const rarely = oneIn(30)

/** With what they require, as a key, a grant's list or a token is stored. */
const declared = fc.oneof(names(3), names(20), fc.constant(['*'])).map(closed)
const inSpace = declared.map((list) => [...expand(list)].filter(isPerSpace))

const grants = fc
  .subarray([...grantable])
  .chain((spaces) =>
    fc.tuple(
      ...spaces.map((space) =>
        fc.record({ space: fc.constant(space), narrowing: fc.option(inSpace, { freq: 2 }) }),
      ),
    ),
  )

const token = fc.record({
  permissions: fc.oneof(declared, fc.constant(['*'])),
  spaces: fc.option(fc.subarray([...grantable]), { freq: 2 }),
  isRotated: rarely,
  isRevoked: rarely,
  isForOthers: rarely,
  /** Over since so many seconds; tokens of more than five minutes ago are not even looked up. */
  overSince: fc.oneof(
    { weight: 8, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom(1, 600) },
  ),
})

const key = fc.record({
  owner: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...owners) },
    { weight: 1, arbitrary: fc.constantFrom(...gone) },
  ),
  permissions: declared,
  /** Which of three scopes it is linked to. */
  scopes: fc.subarray([0, 1, 2], { maxLength: 1 }),
  grants: fc.option(grants, { freq: 2 }),
  hasAddressRule: oneIn(3),
  isExpired: rarely,
  isTooOld: rarely,
  isDisabled: rarely,
  isRevoked: rarely,
  isRevokedWithOwner: rarely,
  /** The secret before the present one; of its overlap more or less than nothing is left. */
  secret: fc.oneof(
    { weight: 6, arbitrary: fc.constant('current') },
    { weight: 1, arbitrary: fc.constantFrom('overlapping', 'ended') },
  ),
})

/** What is asked of a credential. */
export interface Question {
  readonly permissions: readonly string[]
  readonly spaces: readonly SpaceName[]
}

const question: fc.Arbitrary<Question> = fc.record({
  permissions: fc.oneof({ weight: 5, arbitrary: names(2) }, { weight: 1, arbitrary: names(8) }),
  spaces: fc.oneof(
    fc.constant([]),
    fc.uniqueArray(fc.constantFrom(...grantable), { maxLength: 2 }),
    fc.uniqueArray(fc.constantFrom(...askable), { maxLength: 3 }),
  ),
})

/** A key or a token of it, or what is no credential of the workspace, and what is asked of it. */
export const story = fc.record({
  key,
  token: fc.option(token, { freq: 2 }),
  /** Whether it is presented as it is, with a slip of the pen, or another one of that kind is. */
  spoiled: fc.oneof(
    { weight: 12, arbitrary: fc.constant('no') },
    { weight: 1, arbitrary: fc.constantFrom('mistyped', 'unknown') },
  ),
  isForeign: oneIn(10),
  address: fc.constantFrom(...addresses),
  questions: fc.array(question, { minLength: 2, maxLength: 4 }),
})

export type Story = typeof story extends fc.Arbitrary<infer T> ? T : never
export type GeneratedKey = Story['key']
export type GeneratedToken = NonNullable<Story['token']>
