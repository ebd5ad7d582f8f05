import { beforeAll, expect, test } from 'vitest'
import { CreateKeyDocument, UpdateKeyDocument } from '../generated/operations.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type Input, problemsOf, refusal, storesNothing } from './nothing-stored.ts'

let keyId: string
const refused = (mutation: string, input: Input) =>
  refusal(world, workspace.secret, mutation, input)
const problems = (mutation: string, input: Input) =>
  problemsOf(world, workspace.secret, mutation, input)

useWorkspace()
beforeAll(async () => {
  keyId = (await seed(world, workspace.secret).key({ name: 'addressed' })).id
})

const noBlocks = [
  '',
  ' ',
  'localhost',
  '*',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '0x7f.0.0.1',
  '2130706433',
  '1.2.3.4/33',
  '1.2.3.4/-1',
  '1.2.3.4/',
  '1.2.3.4/8/8',
  '1.2.3.4/ 8',
  '1.2.3.0/24 ',
  '1.2.3.0/255.255.255.0',
  '1.2.3.0-1.2.3.9',
  ':::',
  '2001:db8::/129',
  '2001:db8::g',
  'fe80::1%eth0',
  '[::1]',
  '::1/',
  '::ffff:1.2.3.4/90',
  '::1.2.3.4',
  '::1.2.3.4/128',
  '::0x7f.0.0.1',
  '::ffff:0x0a.0.0.1',
  '::ffff:010.0.0.1',
  '2001:db8::010.0.0.1',
  '1.2.3.4\u0000',
  '１.2.3.4',
]

// A rule that is not what it seems lets the wrong addresses in: each is refused, not repaired.
test('what is no address or block is refused with its place', async () => {
  const places = [
    ['createApiKey', { name: 'x' }],
    ['updateApiKey', { id: keyId }],
  ] as const
  await storesNothing(world, async () => {
    for (const block of noBlocks)
      for (const [mutation, rest] of places) {
        const allowedIps = ['192.0.2.1', block]
        expect(await problems(mutation, { ...rest, allowedIps }), JSON.stringify(block)).toEqual([
          'INVALID input.allowedIps.1',
        ])
      }
  })
})

test('a block with bits beyond its length was meant to be another one', async () => {
  for (const block of ['10.0.0.1/8', '192.0.2.129/25', '2001:db8::1/32', '::ffff:10.1.0.0/104'])
    expect(await refused('createApiKey', { name: 'x', allowedIps: [block] }), block).toEqual([
      'INVALID input.allowedIps.0',
    ])
})

// An empty list could be read as "no rule"; it is neither stored nor taken for one.
test('an empty list is refused, and so are more than 50 blocks', async () => {
  const list = ['INVALID input.allowedIps']
  expect(await refused('createApiKey', { name: 'x', allowedIps: [] })).toEqual(list)
  expect(await refused('updateApiKey', { id: keyId, allowedIps: [] })).toEqual(list)
  const blocks = Array.from({ length: 51 }, (_, index) => `192.0.2.${index}`)
  expect(await refused('createApiKey', { name: 'x', allowedIps: blocks })).toEqual(list)
  const { data } = await world.run(workspace.secret, CreateKeyDocument, {
    input: { name: 'fifty', allowedIps: blocks.slice(1) },
  })
  expect(data?.createApiKey?.apiKey?.allowedIps).toHaveLength(50)
})

test('spellings of one block become one', async () => {
  const spellings: readonly (readonly [string, string])[] = [
    ['192.0.2.1/32', '192.0.2.1'],
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:0DB8:0000::0001', '2001:db8::1'],
    ['2001:db8::1/128', '2001:db8::1'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
    ['::/0', '::/0'],
  ]
  for (const [written, stored] of spellings) {
    const { data } = await world.run(workspace.secret, UpdateKeyDocument, {
      input: { id: keyId, allowedIps: [written, written] },
    })
    expect(data?.updateApiKey?.errors, written).toEqual([])
    expect(data?.updateApiKey?.apiKey?.allowedIps, written).toEqual([stored])
  }
})

// An address that reaches us as IPv4-mapped IPv6 must not walk past a rule, nor be locked out by it.
test('a key with a rule is refused elsewhere, in whatever spelling', async () => {
  const { secret } = await seed(world, workspace.secret).key({
    name: 'ruled',
    allowedIps: ['192.0.2.0/24', '2001:db8::/32'],
  })
  const from = async (address?: string) => {
    const answer = await world.gql(secret, '{ viewer { kind } }', {}, address ? { address } : {})
    return answer.errors[0]?.extensions.reason ?? answer.data.viewer.kind
  }
  for (const address of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8:0::7', '2001:DB8::1'])
    expect(await from(address), address).toBe('API_KEY')
  for (const address of [
    '192.0.3.7',
    '::ffff:192.0.3.7',
    '::192.0.2.7',
    '2001:db9::1',
    'x',
    undefined,
  ])
    expect(await from(address), `${address}`).toBe('IP_NOT_ALLOWED')
})
