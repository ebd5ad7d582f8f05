import type { WorkspacePlan } from '../limits/plans.ts'
import type { Rights } from './policy.ts'
import type { Role } from './roles.ts'

/** The user that a credential acts for, under the name that the workspace shows. */
export interface CallerUser {
  readonly id: string
  readonly memberId: string
  readonly kind: 'HUMAN' | 'MACHINE'
  readonly name: string
  readonly email: string | null
  readonly role: Role
}

/** The bounds of a calling key or token that a key made with it cannot leave. */
export interface KeyConstraints {
  readonly expiresAt: Date | null
  readonly requestsPerMinute: number | null
  /** Empty: any address. */
  readonly allowedIps: readonly string[]
  /** The ids of the secrets that a key made with it must end with; a key can end with one. */
  readonly endsWith: readonly string[]
}

/** What is true of every caller, at the epoch it is stamped with. */
interface BaseCaller {
  readonly workspaceId: string
  /** The workspace's epoch as this was read. */
  readonly epoch: bigint
  readonly user: CallerUser
  /** Not limited to a list of spaces by the credential itself, whatever the role reaches. */
  readonly allSpaces: boolean
  readonly bounds: KeyConstraints
  /** The workspace's present plan. */
  readonly plan: WorkspacePlan
  /** When the credential ends by itself; null: it does not. */
  readonly validUntil: Date | null
  readonly rights: Rights
  /** How many spaces the workspace has that are not deleted; beyond 10,000 they are not counted. */
  readonly liveSpaces: number
}

interface KeyName {
  readonly id: string
  readonly name: string
}

/** The deprecation of a legacy secret. */
export interface Deprecation {
  /** When it was imported. */
  readonly since: Date
  /** When it ends, as far as that is known; null: not by itself. */
  readonly sunset: Date | null
}

/** An integration, by an API key. */
export interface KeyCaller extends BaseCaller {
  readonly kind: 'API_KEY'
  readonly key: KeyName
  /** Of the presented secret: to read the same credential again inside a transaction. */
  readonly credentialHash: Uint8Array<ArrayBuffer>
  /** Of the presented secret; null: it is that of a user-level key. */
  readonly secretId: string | null
  /** The secret that its holder began with: another one where the key has rotated itself since. */
  readonly originId: string | null
  /** Of a legacy secret, also of one that its key's migration has replaced; null: it is none. */
  readonly deprecation: Deprecation | null
  /** Whether it is a person's in every workspace of theirs, and this is what it is here. */
  readonly isUserLevel: boolean
}

/** An integration, by a token derived from its key. */
export interface TokenCaller extends BaseCaller {
  readonly kind: 'ACCESS_TOKEN'
  readonly key: KeyName
  readonly tokenId: string
  /** A newer token has replaced it: it has no rights, and may do no more than ask for a rotation. */
  readonly isRotated: boolean
}

/** A person as their identity provider's token tells of them, with who they are here. */
export interface SignIn {
  readonly userId: string
  readonly name: string
  readonly email: string | null
  readonly expiresAt: Date
}

/** A person who has signed in, in one of their workspaces. */
export interface HumanCaller extends BaseCaller {
  readonly kind: 'HUMAN'
  readonly key: null
  readonly signIn: SignIn
}

/** Who is asking, and what they may do in the workspace that they ask in. */
export type Caller = KeyCaller | TokenCaller | HumanCaller

/** A person who has signed in and is in no workspace: they have none, or several and named none. */
export interface UserWithoutWorkspace {
  readonly kind: 'HUMAN'
  readonly workspaceId: null
  readonly signIn: SignIn
}

/** A user-level key in no workspace: its owner is in several, and the request names none. */
export interface KeyWithoutWorkspace {
  readonly kind: 'API_KEY'
  readonly workspaceId: null
  readonly key: KeyName
  readonly user: Pick<CallerUser, 'id' | 'kind' | 'name' | 'email'>
  readonly deprecation: Deprecation
}

/** Whom a request is from. */
export type Principal = Caller | UserWithoutWorkspace | KeyWithoutWorkspace

/** The user that a credential acts for. */
export const userIdOf = (principal: Principal): string =>
  'user' in principal ? principal.user.id : principal.signIn.userId

/** What names a credential in the log: of a person who signed in, the user. */
export const credentialIdsOf = (principal: Principal) => ({
  workspaceId: principal.workspaceId ?? undefined,
  keyId: 'key' in principal && principal.key ? principal.key.id : undefined,
  tokenId: principal.kind === 'ACCESS_TOKEN' ? principal.tokenId : undefined,
  userId: principal.kind === 'HUMAN' ? userIdOf(principal) : undefined,
})

/** Who asks about others' credentials: the key, its tokens included, or the person. */
export const verifierIdOf = ({ key, user }: Caller): string => key?.id ?? user.id

/** Whether it is the key itself that asks, and no token derived from it. */
export const isKeyItself = (principal: Principal, keyId: string): boolean =>
  principal.kind === 'API_KEY' && principal.key.id === keyId

/** Whether the credential ends by itself, or works from some addresses or at a rate of its own only. */
export const isBounded = ({ bounds }: Caller): boolean =>
  bounds.expiresAt !== null ||
  bounds.endsWith.length > 0 ||
  bounds.requestsPerMinute !== null ||
  bounds.allowedIps.length > 0

/** Whether the owner's own sign-in asks. */
export const isSignInOf = (caller: Pick<Caller, 'kind' | 'user'>, userId: string): boolean =>
  caller.kind === 'HUMAN' && caller.user.id === userId
