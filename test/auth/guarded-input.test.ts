import { printSchemaWithDirectives } from '@graphql-tools/utils'
import { expect, test } from 'vitest'
import { freshBuilder, run } from './fresh-builder.ts'

// What is compared must be what may be read: wherever a guarded field of an input is given.
test('a guarded input field is asked for where it is given, and says so', async () => {
  const builder = freshBuilder()
  const inner = builder.inputType('Inner', {
    fields: (t) => ({
      kept: t.string({ description: 'Kept.', guard: { permission: 'keys:read' } }),
    }),
  })
  const outer = builder.inputType('Outer', {
    fields: (t) => ({
      own: t.string({
        description: 'Own.',
        guard: {
          permission: 'members:read',
          unless: { note: 'Mine is free.', when: (value) => value === 'mine' },
        },
      }),
      all: t.field({ type: [inner] }),
    }),
  })
  builder.queryField('list', (t) =>
    t.string({
      nullable: true,
      guard: 'public',
      args: { filter: t.arg({ type: outer }) },
      resolve: (_root, { filter }) => JSON.stringify(filter ?? null),
    }),
  )
  const printed = printSchemaWithDirectives(builder.toSchema())
  expect(printed).toContain('"""Kept. Needs `keys:read`."""')
  expect(printed).toContain('"""Own. Mine is free. Needs `members:read`."""')
  for (const [filter, missing] of [
    ['null', []],
    ['{ own: null, all: null }', []],
    ['{ own: "mine", all: [] }', []],
    ['{ own: "theirs" }', ['members:read']],
    ['{ own: "mine", all: [{}, { kept: "k" }] }', ['keys:read']],
    ['{ own: "theirs", all: [{ kept: "a" }, { kept: "b" }] }', ['keys:read', 'members:read']],
  ] as const) {
    const refused = missing.length > 0 ? [`This needs ${missing.join(' and ')}.`] : []
    expect((await run(builder, `{ list(filter: ${filter}) }`)).errors).toEqual(refused)
    expect((await run(builder, `{ list(filter: ${filter}) }`, [...missing])).errors).toEqual([])
  }
})
