import { expect, test } from 'vitest'
import {
  deriveAuditKey,
  eventHash,
  type HashedValues,
} from '../../../src/transactions/audit-chain.ts'
import { outcome } from '../../setup/outcome.ts'
import { seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { expectWhole } from './expect-whole.ts'

useWorld()

// At its end no mutation would be possible any more, not even a revocation.
test.each([2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 10n])(
  'a chain goes on across %d events, and can be verified',
  async (many) => {
    const workspace = await world.createWorkspace()
    const key = await seed(world, workspace.secret).key({ name: 'before' })
    const { auditHash } = await world.deps.prisma.workspace.update({
      where: { id: workspace.id },
      data: { auditSequence: many - 3n },
    })
    for (const name of ['a', 'b', 'c', 'd'])
      expect(await outcome(world, workspace.secret, 'createSpace', { name })).toEqual(['done'])
    expect(await outcome(world, workspace.secret, 'revokeApiKey', { id: key.id })).toEqual(['done'])
    const events = await expectWhole(world, workspace, { auditSequence: many - 3n, auditHash })
    expect(events.map(({ sequence }) => sequence - many)).toEqual([-2n, -1n, 0n, 1n, 2n])
  },
)

const values: Omit<HashedValues, 'sequence'> = {
  workspaceId: 'wsp_1',
  id: 'evt_1',
  at: new Date('2026-11-29T12:00:00.123Z'),
  action: 'api_key.created',
  actorKind: 'API_KEY',
  actorId: 'usr_1',
  actorName: 'Ünï "quoted" \\ 🙂',
  apiKeyId: 'key_1',
  accessTokenId: null,
  targetId: 'key_2',
  targetName: 'line\nbreak',
  ip: '192.0.2.1',
  requestId: null,
  changes: '[{"field":"name","before":"null","after":"\\"a\\""}]',
  previousHash: 'a'.repeat(64),
}

// What was written when a sequence was a number must be the same for ever.
test.each([
  [1n, '3ea8b17cc56b1ddabd48529d6b23719ffff5092e3de0b6b0409f100571003f5a'],
  [2n ** 31n - 1n, 'd1102ee30316768ea58937642bb3a8b5f8f14a31eefcaa44a7da0e6bb0d050db'],
  [2n ** 31n, 'f7de5aad56a9d9a21d96b0ce494e0d1a231fe085286014d127a14febacfd0dc6'],
  [2n ** 53n - 1n, '15d4b81fb4578c4b28c7e870dbdd39a9f0f1dcdccdd50d0b4ca2afd02700a7bc'],
])('the hash of event %d stays what it was', (sequence, hash) => {
  const auditKey = deriveAuditKey('a key for tests, long enough to be one')
  expect(eventHash(auditKey, { ...values, sequence })).toBe(hash)
})

test('large sequences that differ by one have different hashes', () => {
  const auditKey = deriveAuditKey('a key for tests, long enough to be one')
  const hashes = Array.from({ length: 100 }, (_, index) =>
    eventHash(auditKey, { ...values, sequence: 2n ** 63n - 1n - BigInt(index) }),
  )
  expect(new Set(hashes).size).toBe(100)
})
