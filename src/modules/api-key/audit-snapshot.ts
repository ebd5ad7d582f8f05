import type { KeySettings } from '../../auth/delegation.ts'

/** The terms of a key as the audit shows them, under the names of the API. */
export const auditSnapshot = (terms: KeySettings) => ({
  permissions: terms.permissions,
  scopeIds: terms.scopes.map(({ id }) => id).sort(),
  allSpaces: terms.allSpaces,
  spaces: terms.grants
    .map(({ spaceId, narrowed, permissions }) => ({
      spaceId,
      permissions: narrowed ? permissions : null,
    }))
    .sort((a, b) => (a.spaceId < b.spaceId ? -1 : 1)),
  expiresAt: terms.expiresAt,
  allowedIps: terms.allowedIps.length === 0 ? null : terms.allowedIps,
  requestsPerMinute: terms.requestsPerMinute,
})
