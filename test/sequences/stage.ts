import { hashSecret } from '../../src/auth/credentials/hash.ts'
import { createFirstWorkspace } from '../../src/modules/workspace/bootstrap.ts'
import type { World } from '../setup/world.ts'
import type { SignInWorld } from '../sign-in/sign-in-world.ts'
import type { BegunSession } from './agents.ts'

/** One of the two workspaces. */
export interface Tenant {
  readonly index: 0 | 1
  readonly id: string
}

export type Kind = 'key' | 'token' | 'space' | 'scope' | 'member' | 'user' | 'agent' | 'session'

/** Something that a step has made. */
export interface Thing {
  readonly label: string
  readonly kind: Kind
  readonly tenant: 0 | 1
  readonly id: string
}

/** Something that can be presented. */
export interface Credential {
  readonly label: string
  readonly kind: 'SECRET' | 'TOKEN' | 'PERSON'
  /** A person's sign-in is good for both. */
  readonly tenant: 0 | 1
  readonly secret: string
  /** Of a secret or a token. */
  readonly keyId?: string
  /** Of a token: the secret that minted it or its first predecessor. */
  readonly mintedBy?: string
  /** Of a token that another one was rotated into: the first of the chain. */
  readonly family?: string
  /** The credential whose caller was given it; undefined: it was there at the beginning. */
  readonly receiver?: string | undefined
  /** The user whom that caller acted for, as `Held` names users. */
  readonly receiverUser?: string | undefined
  /** The credential with which it must end, however that ends. */
  readonly endsWith?: string | undefined
}

/** How many people there are; the first owns the first workspace, the last the second one. */
export const peopleCount = 6

/** What a sequence of steps plays on: two workspaces, some people, and what the steps make. */
export interface Stage {
  readonly world: World
  readonly tenants: readonly [Tenant, Tenant]
  readonly addresses: readonly string[]
  readonly things: Map<string, Thing>
  readonly credentials: Map<string, Credential>
  /** Credentials that were accepted since they were made. */
  readonly used: Set<string>
  readonly sessions: Map<string, BegunSession>
  readonly labels: Labels
  /** By how much what is stored was made older. */
  agedMs: number
  /** From where requests come. */
  readonly address: string
  /** Notes a thing, unless it is known under an earlier label. */
  add(thing: Thing): void
  addCredential(credential: Credential): void
}

/** The labels of what is read from the database. */
export interface Labels {
  ofId(id: string): string
  ofHash(hash: Uint8Array): string
  ofPerson(email: string, tenant: Tenant): string
}

let count = 0

async function createTenant(world: World, index: 0 | 1, email: string) {
  const slug = `sequence-${count}-${index}`
  const { apiKey, secret } = await createFirstWorkspace(world.deps, {
    name: slug,
    slug,
    plan: 'ENTERPRISE',
    owner: { name: 'Olga', email },
  })
  return { tenant: { index, id: apiKey.workspaceId }, keyId: apiKey.id, secret }
}

export async function createStage({ world, person }: SignInWorld): Promise<Stage> {
  count++
  const names = Array.from({ length: peopleCount }, (_, index) => `p${index}-${count}`)
  const addresses = names.map((name) => `${name}@example.com`)
  const things = new Map<string, Thing>()
  const credentials = new Map<string, Credential>()
  const byId = new Map<string, string>()
  const byHash = new Map<string, string>()
  const known = (map: Map<string, string>, name: string): string => {
    const label = map.get(name)
    if (label === undefined) throw new Error(`nobody was given ${name}`)
    return label
  }
  const add = (thing: Thing): void => {
    if (byId.has(thing.id)) return
    things.set(thing.label, thing)
    byId.set(thing.id, thing.label)
  }
  const addCredential = (credential: Credential): void => {
    credentials.set(credential.label, credential)
    byHash.set(hex(hashSecret(credential.secret)), credential.label)
  }
  const owners = [addresses[0], addresses[peopleCount - 1]]
  const made = [
    await createTenant(world, 0, owners[0] ?? ''),
    await createTenant(world, 1, owners[1] ?? ''),
  ] as const
  for (const [index, { keyId, secret }] of made.entries()) {
    const tenant = index === 0 ? 0 : 1
    add({ label: `key-root${index}`, kind: 'key', tenant, id: keyId })
    addCredential({ label: `root${index}`, kind: 'SECRET', tenant, secret, keyId })
  }
  for (const [index, name] of names.entries()) {
    const secret = await person(name)
    for (const tenant of [0, 1] as const)
      addCredential({ label: personLabel(index, tenant), kind: 'PERSON', tenant, secret })
  }
  return {
    world,
    tenants: [made[0].tenant, made[1].tenant],
    addresses,
    things,
    credentials,
    used: new Set(),
    sessions: new Map(),
    labels: {
      ofId: (id) => known(byId, id),
      ofHash: (hash) => known(byHash, hex(hash)),
      ofPerson: (email, { index }) => personLabel(addresses.indexOf(email), index),
    },
    agedMs: 0,
    address: `10.0.${(count >> 8) % 256}.${count % 256}`,
    add,
    addCredential,
  }
}

export const personLabel = (index: number, tenant: 0 | 1): string => `p${index}@${tenant}`

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
