import { prepared } from '../db/prepared.ts'
import { type ApiKey, Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import type { WorkspacePlan } from '../limits/plans.ts'
import type { Declared, Owner, Rights } from './policy.ts'
import { declaredBy, effectiveRights } from './policy.ts'
import { type Role, reachesAllSpaces } from './roles.ts'

/** Whatever can run a statement: the client, or a transaction's own. */
export type Queryable = Pick<PrismaClient, '$queryRaw'>

interface LinkedScope {
  readonly id: string
  readonly permissions: readonly string[]
}

interface Grant {
  readonly spaceId: string
  readonly narrowed: boolean
  readonly permissions: readonly string[]
}

/** A key with everything that decides what it may do, as of one moment of the database. */
export interface KeyRecord extends ApiKey, WorkspacePlan {
  readonly epoch: bigint
  readonly workspaceSlug: string
  readonly maxKeyLifetimeDays: number | null
  readonly legacyKeySunsetAt: Date | null
  readonly effectiveExpiresAt: Date | null
  readonly ownerMemberId: string
  readonly ownerRole: Role
  readonly ownerName: string
  readonly ownerEmail: string | null
  readonly ownerKind: 'HUMAN' | 'MACHINE'
  readonly ownerRemovedAt: Date | null
  readonly scopes: readonly LinkedScope[]
  readonly grants: readonly Grant[]
  /** The spaces that the owner's role reaches; null: every one. */
  readonly ownerReach: readonly string[] | null
  /** The database's clock. */
  readonly now: Date
}

/** What of a workspace's policies ends keys, each as a column or a value; null: it ends none. */
interface EndingPolicies {
  readonly maxKeyLifetimeDays: Prisma.Sql
  readonly legacyKeySunsetAt: Prisma.Sql
}

/** The earliest of the ends of a key by itself: its own, by its age, and of a legacy key the sunset. */
const ownExpiryUnder = (
  { maxKeyLifetimeDays, legacyKeySunsetAt }: EndingPolicies,
  alias: 'k' | 'ek',
): Prisma.Sql => {
  const key = Prisma.raw(alias)
  return Prisma.sql`${key}."expiresAt",
    ${key}."createdAt" + make_interval(hours => 24 * ${maxKeyLifetimeDays}),
    CASE WHEN ${key}.legacy THEN ${legacyKeySunsetAt} END`
}

/**
 * The earliest of the ends of the key `k` by itself and, where it ends with a secret, of that secret,
 * however it ends: by its own end or with its key. That key ends with no other secret.
 */
export const expiryUnder = (policies: EndingPolicies): Prisma.Sql => Prisma.sql`least(
  ${ownExpiryUnder(policies, 'k')},
  CASE WHEN k."endsWithSecretId" IS NOT NULL THEN (
    SELECT least(es."endsAt", ek."revokedAt", ${ownExpiryUnder(policies, 'ek')})
      FROM "ApiKeySecret" es
      JOIN "ApiKey" ek ON ek."workspaceId" = es."workspaceId" AND ek.id = es."keyId"
     WHERE es."workspaceId" = k."workspaceId" AND es.id = k."endsWithSecretId") END)`

/** When the key `k` ends by what its workspace `w` says now; null: it does not by itself. */
export const effectiveExpiry = expiryUnder({
  maxKeyLifetimeDays: Prisma.sql`w."maxKeyLifetimeDays"`,
  legacyKeySunsetAt: Prisma.sql`w."legacyKeySunsetAt"`,
})

/** When the key `k` ends whatever the policies are: until then it may live again once they are relaxed. */
export const expiryWithoutPolicies = expiryUnder({
  maxKeyLifetimeDays: Prisma.sql`NULL::int`,
  legacyKeySunsetAt: Prisma.sql`NULL::timestamptz`,
})

/** The spaces that the role of the member `m` reaches; null: every one. */
export const memberReach = Prisma.sql`CASE WHEN m.role IN ('OWNER', 'ADMIN') THEN NULL ELSE ARRAY(
    SELECT sp.id FROM "Space" sp
     WHERE sp."workspaceId" = m."workspaceId" AND sp."deletedAt" IS NULL
       AND (sp.visibility = 'OPEN' OR EXISTS (
         SELECT 1 FROM "SpaceMember" sm
          WHERE sm."workspaceId" = sp."workspaceId" AND sm."spaceId" = sp.id AND sm."memberId" = m.id))
     ORDER BY sp.id) END`

/** The plan of the workspace \`w\`. */
export const planColumns = Prisma.sql`
  w.plan::text AS plan, w."enterpriseRequestsPerMinute", w."enterpriseKeyLimit"`

/** What of a record says what its workspace may use. */
export const planOf = ({
  plan,
  enterpriseRequestsPerMinute,
  enterpriseKeyLimit,
}: WorkspacePlan): WorkspacePlan => ({ plan, enterpriseRequestsPerMinute, enterpriseKeyLimit })

/** How many spaces of the workspace \`w\` are not deleted, as far as anybody needs to know. */
export const liveSpaces = Prisma.sql`(
  SELECT count(*)::int FROM (
    SELECT 1 FROM "Space" ls WHERE ls."workspaceId" = w.id AND ls."deletedAt" IS NULL
     LIMIT 10000) AS counted) AS "liveSpaces"`

const ownColumns = Prisma.raw(
  Object.keys(Prisma.ApiKeyScalarFieldEnum)
    .map((name) => `k."${name}"`)
    .join(', '),
)

/** Everything of a key \`k\` that decides what it may do; with \`keyJoins\`. */
export const keyColumns = Prisma.sql`
  ${ownColumns}, ${effectiveExpiry} AS "effectiveExpiresAt", w.epoch, w.slug AS "workspaceSlug", w."maxKeyLifetimeDays",
  w."legacyKeySunsetAt", ${planColumns}, m.id AS "ownerMemberId", m.role::text AS "ownerRole", m.name AS "ownerName",
  m.email AS "ownerEmail", u.kind::text AS "ownerKind", m."removedAt" AS "ownerRemovedAt",
  (SELECT coalesce(json_agg(json_build_object('id', s.id, 'permissions', s.permissions) ORDER BY s.id), '[]')
     FROM "ApiKeyScope" ks JOIN "Scope" s ON s."workspaceId" = ks."workspaceId" AND s.id = ks."scopeId"
    WHERE ks."workspaceId" = k."workspaceId" AND ks."keyId" = k.id AND s."deletedAt" IS NULL) AS scopes,
  (SELECT coalesce(json_agg(json_build_object('spaceId', g."spaceId", 'narrowed', g.narrowed,
                                              'permissions', g.permissions) ORDER BY g."spaceId"), '[]')
     FROM "SpaceGrant" g WHERE g."workspaceId" = k."workspaceId" AND g."keyId" = k.id) AS grants,
  ${memberReach} AS "ownerReach",
  clock_timestamp()::timestamptz(3) AS now`

export const keyJoins = Prisma.sql`
  JOIN "Workspace" w ON w.id = k."workspaceId"
  JOIN "Member" m ON m."workspaceId" = k."workspaceId" AND m."userId" = k."ownerId"
  JOIN "User" u ON u.id = m."userId"`

/** The key of a presented credential. */
export interface Presented extends KeyRecord {
  /** When the credential ends, or ended, for a newer one has replaced it; null: it is the current one. */
  readonly replacedAt: Date | null
}

/** A key found by the hash of one of its secrets. */
export interface PresentedKey extends Presented {
  /** Null: that of a user-level key has none. */
  readonly secretId: string | null
  /** The secret that its holder began with: another one where the key has rotated itself since. */
  readonly originId: string | null
  /** Whether it is the current one, was never used, and the one before it still works. */
  readonly isFirstUse: boolean
  /** Whether the secret was issued elsewhere; its key may have been migrated since. */
  readonly isLegacySecret: boolean
}

/** How large the workspace of a credential is, read with it. */
export interface WorkspaceSize {
  readonly liveSpaces: number
}

/** Everything of a secret `ps`, with its key, that decides what it may do. */
export const presentedKeys = Prisma.sql`${keyColumns}, ${liveSpaces}, ps.id AS "secretId",
       coalesce(ps."originId", ps.id) AS "originId", ps."endsAt" AS "replacedAt", (ps.legacy OR k.legacy) AS "isLegacySecret",
       (ps."endsAt" IS NULL AND ps."usedAt" IS NULL AND EXISTS (
         SELECT 1 FROM "ApiKeySecret" o
          WHERE o."workspaceId" = k."workspaceId" AND o."keyId" = k.id
            AND o."endsAt" > clock_timestamp())) AS "isFirstUse"
  FROM "ApiKeySecret" ps
  JOIN "ApiKey" k ON k."workspaceId" = ps."workspaceId" AND k.id = ps."keyId" ${keyJoins}`

/** The key that has, or had, a secret of this hash. One statement, so that rows and epoch agree. */
export async function findKeyByHash(
  db: Queryable,
  hash: Uint8Array<ArrayBuffer>,
): Promise<(PresentedKey & WorkspaceSize) | undefined> {
  const rows = await db.$queryRaw<(PresentedKey & WorkspaceSize)[]>`
    SELECT ${prepared} ${presentedKeys} WHERE ps.hash = ${hash}`
  return rows[0]
}

/** The keys `k` of these ids in the workspace, whatever the caller sees: `where` narrows them. */
export const findKeyRecords = (
  db: Queryable,
  workspaceId: string,
  ids: readonly string[],
  where = Prisma.sql`TRUE`,
): Promise<KeyRecord[]> => db.$queryRaw<KeyRecord[]>`
  SELECT ${keyColumns} FROM "ApiKey" k ${keyJoins}
   WHERE k."workspaceId" = ${workspaceId} AND k.id = ANY(${ids}::text[]) AND ${where}`

/** How long the scopes and grants of these keys are together, about, in bytes: they may be many. */
export async function keyRecordBytes(
  db: Queryable,
  workspaceId: string,
  ids: readonly string[],
): Promise<number> {
  const [sum] = await db.$queryRaw<{ bytes: number | null }[]>`
    SELECT sum(100 + octet_length(permissions::text))::float8 AS bytes FROM (
      SELECT permissions FROM "SpaceGrant"
       WHERE "workspaceId" = ${workspaceId} AND "keyId" = ANY(${ids}::text[])
       UNION ALL
      SELECT s.permissions FROM "ApiKeyScope" ks
        JOIN "Scope" s ON s."workspaceId" = ks."workspaceId" AND s.id = ks."scopeId"
       WHERE ks."workspaceId" = ${workspaceId} AND ks."keyId" = ANY(${ids}::text[])) AS its`
  return sum?.bytes ?? 0
}

/** A member's role and what it reaches, as `memberReach` has it. */
export const ownerOf = (role: Role, reach: readonly string[] | null): Owner => ({
  role,
  reach: reachesAllSpaces(role) || reach === null ? 'all' : new Set(reach),
})

const none: Declared = { permissions: [], allSpaces: false, grants: new Map() }

/** What the key may do now: its owner's live role and reach, cut by what it declares. */
export const rightsOf = (record: KeyRecord): Rights =>
  effectiveRights(
    ownerOf(record.ownerRole, record.ownerReach),
    record.ownerRemovedAt === null ? declaredBy(record) : none,
  )

const millisecondsPerDay = 86_400_000

/** The instant after which no key of that age may live under the policy; null: there is none. */
export const lifetimeEnd = (createdAt: Date, maxKeyLifetimeDays: number | null): Date | null =>
  maxKeyLifetimeDays === null
    ? null
    : new Date(createdAt.getTime() + maxKeyLifetimeDays * millisecondsPerDay)

/** The earlier of two instants, where null is never. */
export const earliest = (a: Date | null, b: Date | null): Date | null =>
  a === null || b === null ? (a ?? b) : new Date(Math.min(a.getTime(), b.getTime()))
