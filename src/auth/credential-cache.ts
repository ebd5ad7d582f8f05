import { LRUCache } from 'lru-cache'
import type { Replica } from '../replication/replica.ts'
import type { KeyCaller, TokenCaller } from './caller.ts'
import type { PresentedCredential } from './credential-state.ts'

/** An accepted credential as it was read, stamped by its caller's epoch. */
export interface CachedCredential {
  readonly credential: PresentedCredential
  readonly caller: KeyCaller | TokenCaller
}

/** What has been read of credentials, for as long as no epoch says otherwise. */
export interface CredentialCache {
  get(digest: string): CachedCredential | undefined
  /** The time to check cached credentials by. */
  now(): Date
  /** Begins to read a credential; what it gives remembers what was read. */
  reading(): (digest: string, entry: CachedCredential) => void
  /**
   * Must be called for every raised epoch, before the transaction that raised it is answered; also
   * where it is not known whether the commit succeeded.
   */
  raised(workspaceId: string, epoch: bigint): void
  /** Must be called when epochs may have been missed: drops every entry. */
  forget(): void
}

const mebibyte = 1024 ** 2

/** How much memory a credential takes, about, in bytes: most of it are the spaces that it names. */
const sizeOf = ({ credential: { grants } }: CachedCredential): number => 4_500 + 120 * grants.length

/** Of so many workspaces at most an epoch is known; each takes some hundred bytes. */
const maxEpochs = 100_000

/**
 * A cache that answers while the replica holds its lease. An entry stamped before the workspace's
 * known epoch is no answer, so a read that began before a change and ended after it cannot put the
 * old rights back; nor can one that began before the replica last joined, however late it ends.
 *
 * @param maxMebibytes of what is remembered; what was used last stays
 * @param onEpoch called for each epoch that was not known
 */
export function createCredentialCache(
  replica: Pick<Replica, 'holdsLease' | 'now'>,
  maxMebibytes: number,
  onEpoch?: () => void,
): CredentialCache {
  const empty = () =>
    new LRUCache<string, CachedCredential>({
      maxSize: maxMebibytes * mebibyte,
      sizeCalculation: sizeOf,
    })
  let entries = empty()
  let epochs = new Map<string, bigint>()
  const forget = (): void => {
    entries = empty()
    epochs = new Map()
  }
  const isCurrent = ({ caller }: CachedCredential): boolean =>
    caller.epoch >= (epochs.get(caller.workspaceId) ?? 0n)
  return {
    get(digest) {
      if (!replica.holdsLease) return undefined
      const entry = entries.get(digest)
      return entry !== undefined && isCurrent(entry) ? entry : undefined
    },
    now: () => replica.now(),
    reading() {
      const present = entries
      return (digest, entry) => {
        if (present === entries && isCurrent(entry)) entries.set(digest, entry)
      }
    },
    raised(workspaceId, epoch) {
      if (epoch <= (epochs.get(workspaceId) ?? 0n)) return
      // One that was dropped alone would let in what it had made old.
      if (epochs.size >= maxEpochs) forget()
      epochs.set(workspaceId, epoch)
      onEpoch?.()
    },
    forget,
  }
}
