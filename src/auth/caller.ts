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

/** The bounds of the calling key that a key made with it cannot leave. */
export interface KeyBounds {
  readonly expiresAt: Date | null
  readonly requestsPerMinute: number | null
  /** Empty: any address. */
  readonly allowedIps: readonly string[]
}

/** Who is asking, and what they may do: true at the epoch it is stamped with. */
export interface Caller {
  readonly kind: 'API_KEY'
  readonly workspaceId: string
  /** The workspace's epoch as this was read. */
  readonly epoch: bigint
  readonly user: CallerUser
  readonly key: KeyBounds & {
    readonly id: string
    readonly name: string
    /** The setting, whatever the owner's role reaches. */
    readonly allSpaces: boolean
  }
  /** When the presented secret or its key ends, whichever is first; null: neither does. */
  readonly validUntil: Date | null
  /** Of the presented secret: to read the same credential again inside a transaction. */
  readonly credentialHash: Uint8Array<ArrayBuffer>
  readonly rights: Rights
}
