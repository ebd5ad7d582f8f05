import { beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { storesNothing } from '../../input/nothing-stored.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { mint } from '../access-token/ask.ts'
import { verdict } from '../api-key/ask.ts'
import { allowHashes } from './allow-hashes.ts'
import { importKeys, legacyKey, legacySecret, sha256 } from './ask.ts'

useWorkspace()
beforeAll(async () => {
  await allowHashes(world, workspace)
})

/** What comes of one key for each of the fields given. */
const outcomes = async (cases: readonly object[]) =>
  (
    await importKeys(
      world,
      workspace.secret,
      cases.map((it) => legacyKey(workspace.ownerId, it)),
    )
  ).results

const shown = { start: 'old-', last4: 'WXYZ' }
const hexOf = (value: string) => ({ value, encoding: 'SHA256_HEX', ...shown })
const base64Of = (value: string) => ({ value, encoding: 'SHA256_BASE64', ...shown })

// A hash that is read in another way than it was written is that of a secret which nobody has.
test('a hash that is not exactly as its encoding says is refused, not guessed', async () => {
  const hex = sha256(legacySecret(), 'hex')
  const base64 = sha256(legacySecret(), 'base64')
  const wrong = [
    ...['', hex.slice(1), `${hex}0`, `0x${hex.slice(2)}`, ` ${hex.slice(1)}`, `${hex}\n`].map(
      hexOf,
    ),
    ...[hex.replace(/./, 'g'), base64, hex.slice(0, 44), `sha256:${hex}`].map(hexOf),
    ...['', hex, base64.slice(0, -1), `${base64}=`, base64.slice(1)].map(base64Of),
    ...[`${base64.slice(0, 42)}B=`, `${base64.slice(0, 42)}==`, `${base64}\n`].map(base64Of),
    ...[base64.replace(/./, '-'), base64.replace(/./, '_'), hex.slice(0, 44)].map(base64Of),
    base64Of(Buffer.from(hex).toString('base64')),
  ]
  const results = await storesNothing(world, () => outcomes(wrong))
  expect(results).toEqual(wrong.map(() => ['INVALID value']))
})

test('either case of hex and each last digit of base64 is one and the same hash', async () => {
  const secrets = Array.from({ length: 30 }, legacySecret)
  const rows = secrets.map((secret, index) =>
    index % 3 === 0
      ? hexOf(sha256(secret, 'hex').toUpperCase())
      : index % 3 === 1
        ? hexOf(sha256(secret, 'hex'))
        : base64Of(sha256(secret, 'base64')),
  )
  expect(await outcomes(rows)).toEqual(rows.map(() => ['imported']))
  for (const secret of secrets) expect(await verdict(world, secret)).toBe('ACCEPTED')
})

// What would be taken for something else when it is presented could never be used.
test('a plain secret is one that can be told from what is made here', async () => {
  const { token } = await mint(world, workspace.secret)
  const own = createApiKeySecret('lk')
  const wrong = [
    ...['', 'x'.repeat(15), 'x'.repeat(513), `with a ${'x'.repeat(16)}`, `tab\t${'x'.repeat(16)}`],
    ...[`${'x'.repeat(16)}\n`, `${'x'.repeat(16)}\0`, `ümlaut-${'x'.repeat(16)}`],
    ...[own, own.slice(0, -1), `lk_${'x'.repeat(30)}`, workspace.secret, token],
  ]
  const results = await storesNothing(world, () => outcomes(wrong.map((value) => ({ value }))))
  expect(results).toEqual(wrong.map(() => ['INVALID value']))
  const right = ['x'.repeat(16), 'y'.repeat(512), `sk-${'x'.repeat(20)}`, '!"#$%&\'()*+,-./:;<=>?@']
  expect(await outcomes(right.map((value) => ({ value })))).toEqual(right.map(() => ['imported']))
})

test('with a hash goes what is to be shown, short, and not the secret itself', async () => {
  const hash = { value: sha256(legacySecret(), 'hex'), encoding: 'SHA256_HEX' }
  const short = 'sixteen-letters!'
  const whole = { value: sha256(short, 'base64'), encoding: 'SHA256_BASE64' }
  const cases: [object, string[]][] = [
    [hash, ['INVALID start', 'INVALID last4']],
    [{ ...hash, start: null, last4: 'WXYZ' }, ['INVALID start']],
    [{ ...hash, start: 'old-', last4: '' }, ['INVALID last4']],
    [{ ...hash, start: 'x'.repeat(13), last4: 'WXYZ' }, ['INVALID start']],
    [{ ...hash, start: 'old-', last4: 'VWXYZ' }, ['INVALID last4']],
    [{ ...hash, start: 'old ', last4: 'WXY\n' }, ['INVALID start', 'INVALID last4']],
    [{ ...whole, start: short.slice(0, 12), last4: short.slice(12) }, ['INVALID start']],
    [{ ...whole, start: short.slice(0, 11), last4: short.slice(12) }, ['imported']],
    [{ ...hash, start: 'o', last4: 'Z' }, ['imported']],
  ]
  const results = await outcomes(cases.map(([fields]) => fields))
  expect(results).toEqual(cases.map(([, expected]) => expected))
})

// Who reads the list of keys must not be able to guess the rest of a short one.
test('of a plain secret no more than a quarter is shown, and of a long one twelve characters', async () => {
  for (const length of [16, 17, 23, 24, 32, 47, 48, 512]) {
    const value = legacySecret().repeat(16).slice(0, length)
    const { keys } = await importKeys(
      world,
      workspace.secret,
      [legacyKey(workspace.ownerId, { value, start: 'ignored', last4: 'here' })],
      { selection: 'start last4' },
    )
    const { start, last4 } = keys[0]
    expect(value.startsWith(start) && value.endsWith(last4)).toBe(true)
    expect([length, start.length + last4.length]).toEqual([
      length,
      Math.min(12, Math.floor(length / 4)),
    ])
    expect(last4.length).toBeGreaterThan(0)
    expect(last4.length).toBeLessThanOrEqual(4)
  }
})
