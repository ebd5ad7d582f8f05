import { expect, test } from 'vitest'
import { readChange, readOwn, readRaised } from '../../src/replication/messages.ts'

test('what the trigger tells is a workspace and its epoch, whatever its size', () => {
  expect(readRaised('wsp_01 9223372036854775807')).toEqual({
    workspaceId: 'wsp_01',
    epoch: 9_223_372_036_854_775_807n,
  })
})

test.each(['', 'null', '{', 'w', 'w -1', 'w 1 2', '{"kind":"other"}', '{"by":1,"number":1}'])(
  'what no server sends is not understood: %s',
  (message) => {
    for (const read of [readRaised, readOwn, readChange]) expect(() => read(message)).toThrow()
  },
)
