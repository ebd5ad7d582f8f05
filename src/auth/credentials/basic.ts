import { formDecode, utf8 } from '../../input/form-encoding.ts'

/** What a client says that it is, and the secret that is to prove it. */
export interface BasicCredentials {
  readonly id: string
  readonly secret: string
}

/**
 * The credentials of an Authorization header of the Basic scheme, both parts form-encoded before base64
 * (RFC 6749, 2.3.1); undefined where it holds none.
 */
export function basicCredentials(authorization: string): BasicCredentials | undefined {
  const [, base64 = ''] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  try {
    const [, id = '', secret = ''] =
      /^([^:]+):(.+)$/s.exec(utf8(Buffer.from(base64, 'base64'))) ?? []
    return id === '' ? undefined : { id: formDecode(id), secret: formDecode(secret) }
  } catch {
    return undefined
  }
}
