import type { PresentedCredential } from './authenticate.ts'
import type { KeyCaller, TokenCaller } from './caller.ts'

/** An accepted credential as it was read, stamped by its caller's epoch. */
export interface CachedCredential {
  readonly credential: PresentedCredential
  readonly caller: KeyCaller | TokenCaller
}

/** What has been read of credentials, for as long as no epoch says otherwise. */
export interface CredentialCache {
  get(hash: string): CachedCredential | undefined
  set(hash: string, entry: CachedCredential): void
  /**
   * To be told of every epoch raised, before the change that raised it is answered; also of one that
   * may or may not have been raised.
   */
  raised(workspaceId: string, epoch: bigint): void
}

const maxEntries = 10_000

/**
 * A cache for the only writer of its database: it learns of every change by being told. An entry
 * stamped before the workspace's known epoch is no answer, so a read that began before a change and
 * ended after it cannot put the old rights back.
 */
export function createCredentialCache(): CredentialCache {
  const entries = new Map<string, CachedCredential>()
  const epochs = new Map<string, bigint>()
  const isCurrent = ({ caller }: CachedCredential): boolean =>
    caller.epoch >= (epochs.get(caller.workspaceId) ?? 0n)
  return {
    get(hash) {
      const entry = entries.get(hash)
      if (entry === undefined || isCurrent(entry)) return entry
      entries.delete(hash)
      return undefined
    },
    set(hash, entry) {
      if (!isCurrent(entry)) return
      if (entries.size >= maxEntries) entries.delete(entries.keys().next().value ?? '')
      entries.set(hash, entry)
    },
    raised(workspaceId, epoch) {
      if (epoch > (epochs.get(workspaceId) ?? 0n)) epochs.set(workspaceId, epoch)
    },
  }
}

/** For a replica that other writers do not tell: nothing is remembered, every request reads. */
export const noCredentialCache: CredentialCache = {
  get: () => undefined,
  set: () => undefined,
  raised: () => undefined,
}
