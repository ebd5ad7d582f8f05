import { errors } from 'jose'
import type { LoggedReason, LoggedRefusal } from '../../errors.ts'

const reasonOfClaim: Readonly<Record<string, LoggedReason>> = {
  aud: 'WRONG_AUDIENCE',
  iss: 'WRONG_ISSUER',
  nbf: 'NOT_YET_VALID',
  typ: 'NO_ACCESS_TOKEN',
}

/** By how much a token is too old or too new: many hours are a wrong clock, here or at its issuer. */
function offBySeconds(error: unknown): number | undefined {
  if (!(error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed))
    return undefined
  const { claim, payload } = error
  const time = claim === 'exp' || claim === 'nbf' ? payload[claim] : undefined
  return typeof time === 'number' ? Math.abs(Math.round(Date.now() / 1_000 - time)) : undefined
}

/** What the log holds of a JWT that jose did not accept. */
export const jwtRefusal = (error: unknown): LoggedRefusal => ({
  reason: reasonOf(error),
  offBySeconds: offBySeconds(error),
})

/** Why jose did not accept a JWT; undefined for what the answer tells as well, and for what is no JWT. */
function reasonOf(error: unknown): LoggedReason | undefined {
  if (error instanceof errors.JWTClaimValidationFailed)
    return reasonOfClaim[error.claim] ?? 'INVALID_CLAIM'
  if (error instanceof errors.JWKSNoMatchingKey) return 'UNKNOWN_SIGNING_KEY'
  if (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSEAlgNotAllowed
  )
    return 'INVALID_SIGNATURE'
  return undefined
}
