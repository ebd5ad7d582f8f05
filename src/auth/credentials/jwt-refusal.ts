import { errors } from 'jose'
import type { LoggedReason } from '../../errors.ts'

const reasonOfClaim: Readonly<Record<string, LoggedReason>> = {
  aud: 'WRONG_AUDIENCE',
  iss: 'WRONG_ISSUER',
  nbf: 'NOT_YET_VALID',
  typ: 'NO_ACCESS_TOKEN',
}

/** Why jose did not accept a JWT; undefined for what the answer tells as well, and for what is no JWT. */
export function jwtRefusal(error: unknown): LoggedReason | undefined {
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
