import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'

const notShown = 'OIDC_ISSUER is not acceptable (its value is not shown); expected the address'

test.each([
  ['OIDC_ISSUER', 'https://id.exa\tmple.com', notShown],
  ['OIDC_ISSUER', 'https://id.example.com /', notShown],
  ['OIDC_AUDIENCE', ' ', 'OIDC_AUDIENCE is not set; with OIDC_ISSUER, expected both of them'],
])('refuses %s=%j, whose blanks no token has', (name, value, message) => {
  const both = { OIDC_ISSUER: 'https://id.example.com', OIDC_AUDIENCE: 'keys' }
  expect(() => readConfig({ ...both, [name]: value })).toThrow(message)
})

test.each([' https://id.example.com', 'https://id.example.com\n'])(
  'cuts the blanks of %j',
  (url) => {
    const { oidc } = readConfig({ OIDC_ISSUER: url, OIDC_AUDIENCE: '\tkeys ' })
    expect(oidc).toMatchObject({ issuer: 'https://id.example.com', audience: 'keys' })
  },
)

test.each([
  'https://keys.example.com',
  'https://keys.example.com/',
  'https://KEYS.example.com:443',
])('refuses PUBLIC_URL as OIDC_ISSUER, spelt %s', (issuer) => {
  const settings = { PUBLIC_URL: 'https://keys.example.com', OIDC_AUDIENCE: 'keys' }
  expect(() => readConfig({ ...settings, OIDC_ISSUER: issuer })).toThrow('expected another one')
  const realm = 'https://keys.example.com/realm'
  expect(readConfig({ ...settings, OIDC_ISSUER: realm }).oidc?.issuer).toBe(realm)
})

test('warns of an issuer whose word anybody on the way could change', () => {
  const warningsOf = (issuer: string, NODE_ENV = 'production') =>
    readConfig({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: 'keys', NODE_ENV }).warnings
  expect(warningsOf('http://id.example.com')).toEqual([expect.stringContaining('OIDC_ISSUER')])
  expect(warningsOf('http://id.example.com', 'test')).toEqual([])
  for (const host of ['localhost:8080', 'id.localhost', '127.0.0.1', '127.1.2.3:80', '[::1]:80'])
    expect(warningsOf(`http://${host}/realm`)).toEqual([])
  expect(warningsOf('https://id.example.com')).toEqual([])
})
