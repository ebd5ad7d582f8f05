import type { KeyCaller, TokenCaller } from '../../src/auth/caller.ts'
import { keyCallerOf, rejectionReason, tokenCallerOf } from '../../src/auth/credential-state.ts'
import {
  memberReach,
  ownerOf,
  type PresentedKey,
  presentedKeys,
  type WorkspaceSize,
} from '../../src/auth/key-record.ts'
import { effectiveRights, type Rights } from '../../src/auth/policy.ts'
import type { Role } from '../../src/auth/roles.ts'
import { type PresentedToken, presentedTokens } from '../../src/auth/token-record.ts'
import { Prisma } from '../../src/generated/prisma/client.ts'
import { namesOf, type Powers, unlimited } from './powers.ts'
import type { Stage, Tenant } from './stage.ts'

/** What somebody can do now: by a secret, by a token, or as a member. */
export interface Held extends Powers {
  readonly kind: 'SECRET' | 'TOKEN' | 'PERSON' | 'MACHINE'
  readonly rights: Rights
  /** A person's address, a machine user's id. */
  readonly user: string
  readonly memberId: string
  readonly role: Role
  /** Whether it is accepted, from an allowed address. One that is not may be again. */
  readonly isLive: boolean
  /** Whether it is a secret that another one has replaced, during the overlap. */
  readonly isRetiring: boolean
  /** When it ends, the workspace's policies included. */
  readonly effectiveEnd: number
  readonly key: PresentedKey | PresentedToken | undefined
  /** Whether a person has, and so claimed the membership. */
  readonly hasSignedIn: boolean
}

/** One moment of a workspace. */
export interface Snapshot {
  readonly spaces: readonly string[]
  /** By the labels of credentials and members; what has ended for good is absent. */
  readonly held: ReadonlyMap<string, Held>
}

/** The keys of a workspace by their ids, those of which some secret may be used again. */
export const keysIn = ({ held }: Snapshot): Map<string, NonNullable<Held['key']>> =>
  new Map([...held.values()].flatMap(({ key }) => (key === undefined ? [] : [[key.id, key]])))

const everything = { permissions: ['*'], allSpaces: true, grants: new Map() }

interface MemberRow {
  readonly id: string
  readonly userId: string
  readonly email: string | null
  readonly kind: 'HUMAN' | 'MACHINE'
  readonly role: Role
  readonly reach: readonly string[] | null
  readonly hasSignedIn: boolean
}

/** Reads what every credential and every member of a workspace can do, by the decision itself. */
export async function probe({ world, labels, agedMs }: Stage, tenant: Tenant): Promise<Snapshot> {
  const { prisma } = world.deps
  const { id } = tenant
  const keyIsOpen = Prisma.sql`k."revokedAt" IS NULL
    AND (k."expiresAt" IS NULL OR k."expiresAt" > clock_timestamp())`
  const keys = await prisma.$queryRaw<(PresentedKey & WorkspaceSize & { hash: Uint8Array })[]>`
    SELECT ps.hash, ${presentedKeys}
     WHERE ps."workspaceId" = ${id} AND ${keyIsOpen}
       AND (ps."endsAt" IS NULL OR ps."endsAt" > clock_timestamp())`
  const tokens = await prisma.$queryRaw<PresentedToken[]>`
    SELECT ${presentedTokens}
     WHERE t."workspaceId" = ${id} AND ${keyIsOpen}
       AND t."revokedAt" IS NULL AND t."rotatedAt" IS NULL AND t."expiresAt" > clock_timestamp()`
  const members = await prisma.$queryRaw<MemberRow[]>`
    SELECT m.id, m."userId", m.email, u.kind::text AS kind, m.role::text AS role, ${memberReach} AS reach,
           EXISTS (SELECT 1 FROM "Identity" i WHERE i."userId" = m."userId") AS "hasSignedIn"
      FROM "Member" m JOIN "User" u ON u.id = m."userId"
     WHERE m."workspaceId" = ${id} AND m."removedAt" IS NULL`
  const spaces = await prisma.$queryRaw<{ id: string }[]>`
    SELECT id FROM "Space" WHERE "workspaceId" = ${id} AND "deletedAt" IS NULL`

  const heldBy = (
    caller: KeyCaller | TokenCaller,
    key: PresentedKey | PresentedToken,
    isRetiring: boolean,
  ): Held => {
    const { bounds, rights, user } = caller
    const name = user.email ?? user.id
    const refusal = rejectionReason(key, key.now, undefined)
    const at = (end: Date | null) => (end === null ? Infinity : end.getTime() + agedMs)
    return {
      kind: caller.kind === 'API_KEY' ? 'SECRET' : 'TOKEN',
      rights,
      names: namesOf(rights, caller.allSpaces ? name : undefined),
      end: at(bounds.expiresAt),
      requestsPerMinute: bounds.requestsPerMinute ?? Infinity,
      allowedIps: bounds.allowedIps,
      user: name,
      memberId: user.memberId,
      role: user.role,
      isLive: refusal === undefined || refusal === 'IP_NOT_ALLOWED',
      isRetiring,
      effectiveEnd: at(caller.validUntil),
      key,
      hasSignedIn: false,
    }
  }
  const held = new Map<string, Held>()
  for (const key of keys) {
    const hash = new Uint8Array(key.hash)
    held.set(labels.ofHash(hash), heldBy(keyCallerOf(key, hash), key, key.replacedAt !== null))
  }
  for (const token of tokens)
    held.set(labels.ofId(token.tokenId), heldBy(tokenCallerOf(token), token, false))
  for (const { id: memberId, userId, email, kind, role, reach, hasSignedIn } of members) {
    const rights = effectiveRights(ownerOf(role, reach), everything)
    const user = email ?? userId
    held.set(kind === 'HUMAN' ? labels.ofPerson(user, tenant) : labels.ofId(userId), {
      ...unlimited,
      kind: kind === 'HUMAN' ? 'PERSON' : 'MACHINE',
      rights,
      names: namesOf(rights, user),
      user,
      memberId,
      role,
      isLive: true,
      isRetiring: false,
      effectiveEnd: Infinity,
      key: undefined,
      hasSignedIn,
    })
  }
  return { spaces: spaces.map((space) => space.id), held }
}
