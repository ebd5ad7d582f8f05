import { expect, test } from 'vitest'
import { clientCredentials } from '../../src/http/routes/oauth/client-credentials.ts'
import { type Form, readForm } from '../../src/http/routes/oauth/form.ts'
import { OAuthError } from '../../src/http/routes/oauth/oauth-error.ts'

const form = 'application/x-www-form-urlencoded'

const read = (body: BodyInit | null, type: string = form): Promise<Form> =>
  readForm(
    new Request('http://latchkey.test/oauth/token', {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    }),
  )

/** The error's code, or what came instead of one. */
const codeOf = (error: unknown): unknown => (error instanceof OAuthError ? error.code : error)

test('a form is decoded as it was encoded', async () => {
  const { get, all } = await read('a=b+c%2B&%C3%A9=1=2&resource=x&resource=y')
  expect(get('a')).toBe('b c+')
  expect(get('é')).toBe('1=2')
  expect(all('resource')).toEqual(['x', 'y'])
})

// "Parameters sent without a value MUST be treated as if they were omitted" (RFC 6749, 3.2).
test('a parameter without a value is absent', async () => {
  const { get, all } = await read('scope=&client_id&resource=&__proto__=&a=1&a=')
  expect([get('scope'), get('client_id'), get('toString'), get('__proto__')]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  expect(all('resource')).toEqual([])
  expect(get('a')).toBe('1')
  expect((await read(null)).get('a')).toBeUndefined()
})

test.each<[string, BodyInit, string?]>([
  ['JSON', '{}', 'application/json'],
  ['no media type', 'a=1', ''],
  ['a media type that only begins alike', 'a=1', `${form}2`],
  ['another charset', 'a=1', `${form}; charset=iso-8859-1`],
  ['another charset in quotation marks', 'a=1', `${form};x=y ; CHARSET="UTF-16"`],
  ['two charsets', 'a=1', `${form}; charset=utf-8; charset=utf-16`],
  ['a charset that is none', 'a=1', `${form}; charset=`],
  ['a repeated parameter', 'scope=a&scope=b'],
  ['one repeated under another spelling', 'scope=a&%73cope=b'],
  ['a repeated unknown parameter', 'x=a&x=b'],
  ['a percent sign that begins nothing', 'a=%zz'],
  ['a percent sign at the end', 'a=%'],
  ['bytes that are not UTF-8', new Uint8Array([0x61, 0x3d, 0xff])],
  ['encoded bytes that are not UTF-8', 'a=%ff'],
  ['an overlong encoding', 'a=%c0%af'],
  ['a surrogate', 'a=%ed%a0%80'],
  ['a NUL', 'a=%00'],
  ['a NUL in a name', 'a%00=1'],
  ['more than 100 parameters', 'resource=x&'.repeat(100)],
  ['a body full of parameters', 'resource=&'.repeat(6_500)],
  ['more than 64 KiB', `a=${'x'.repeat(65_536)}`],
])('%s is an invalid request', async (_, body, type) => {
  expect(await read(body, type).catch(codeOf)).toBe('invalid_request')
})

test('64 KiB and 100 parameters are accepted', async () => {
  expect((await read(`a=${'x'.repeat(65_534)}`)).get('a')).toHaveLength(65_534)
  expect((await read(Array(100).fill('resource=x').join('&'))).all('resource')).toHaveLength(100)
})

test.each(['charset=UTF-8', ' charset="utf-8" ', 'x=y;charset=utf-8', 'x=charset', ''])(
  'with the parameter "%s" the media type is that of a form',
  async (parameter) => {
    expect((await read('a=%C3%A9', `${form};${parameter}`)).get('a')).toBe('é')
  },
)

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

const credentials = async (body: string, authorization?: string): Promise<unknown> => {
  const headers = new Headers(authorization === undefined ? {} : { authorization })
  try {
    const { id, secret } = clientCredentials(headers, await read(body))
    return `${id} ${secret}`
  } catch (error) {
    return codeOf(error)
  }
}

test.each<[string, string, string | undefined, string]>([
  ['Basic', '', basic('key_1:lk_2'), 'key_1 lk_2'],
  ['Basic in any case', '', basic('key_1:lk_2').replace('Basic', 'bASIC '), 'key_1 lk_2'],
  ['Basic, form-encoded', '', basic('key%5F1:lk%5F2'), 'key_1 lk_2'],
  ['a secret with a colon and a line', '', basic('a:b:c%0A'), 'a b:c\n'],
  ['the form', 'client_id=key_1&client_secret=lk_2', undefined, 'key_1 lk_2'],
  ['an empty header and the form', 'client_id=a&client_secret=b', ' ', 'a b'],
  ['Basic with its own id in the form', 'client_id=key_1', basic('key_1:lk_2'), 'key_1 lk_2'],
  ['Basic with another id in the form', 'client_id=key_9', basic('key_1:b'), 'invalid_request'],
  ['both', 'client_id=a&client_secret=b', basic('a:b'), 'invalid_request'],
  ['Bearer and the form', 'client_id=a&client_secret=b', 'Bearer lk_2', 'invalid_request'],
  ['none', '', undefined, 'invalid_client'],
  ['only an id', 'client_id=a', undefined, 'invalid_client'],
  ['only a secret', 'client_secret=b', undefined, 'invalid_client'],
  ['Bearer', '', 'Bearer lk_2', 'invalid_client'],
  ['Basic without a value', '', 'Basic', 'invalid_client'],
  ['no base64', '', 'Basic a:b', 'invalid_client'],
  ['no colon', '', basic('lk_2'), 'invalid_client'],
  ['no secret', '', basic('key_1:'), 'invalid_client'],
  ['no id', '', basic(':lk_2'), 'invalid_client'],
  ['bad form-encoding', '', basic('key_1:%zz'), 'invalid_client'],
])('client credentials: %s', async (_, body, authorization, expected) => {
  expect(await credentials(body, authorization)).toBe(expected)
})
