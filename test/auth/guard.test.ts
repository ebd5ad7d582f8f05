import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { printSchemaWithDirectives } from '@graphql-tools/utils'
import { isInterfaceType, isObjectType } from 'graphql'
import { describe, expect, test } from 'vitest'
import { type Guard, requirementOf } from '../../src/schema/guard.ts'
import { schema as wholeSchema } from '../../src/schema/schema.ts'
import { type Builder, freshBuilder, run } from './fresh-builder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('a field without a decision does not build', () => {
  const resolve = () => ''
  const cases: Readonly<Record<string, [field: string, (builder: Builder) => void]>> = {
    'a query': ['Query.leak', (b) => b.queryField('leak', (t) => t.string({ resolve }))],
    'a mutation': [
      'Mutation.leak',
      (b) => b.mutationType({ fields: (t) => ({ leak: t.string({ resolve }) }) }),
    ],
    'a subscription': [
      'Subscription.leak',
      (b) =>
        b.subscriptionType({
          fields: (t) => ({ leak: t.string({ subscribe: async function* () {}, resolve }) }),
        }),
    ],
    "a type's scalar": [
      'Thing.leak',
      (b) =>
        b
          .objectRef<object>('Thing')
          .implement({ fields: (t) => ({ leak: t.string({ resolve }) }) }),
    ],
    'a relation of a type whose scalars are open': [
      'Thing.leak',
      (b) => {
        const thing = b.objectRef<object>('Thing')
        thing.implement({
          leafFields: 'public',
          fields: (t) => ({ leak: t.field({ type: thing, resolve: () => ({}) }) }),
        })
      },
    ],
    'a list of relations of a type whose scalars are open': [
      'Thing.leak',
      (b) => {
        const thing = b.objectRef<object>('Thing')
        thing.implement({
          leafFields: 'public',
          fields: (t) => ({ leak: t.field({ type: [thing], resolve: () => [] }) }),
        })
      },
    ],
    "an interface's": [
      'Thing.leak',
      (b) =>
        b
          .interfaceRef<object>('Thing')
          .implement({ fields: (t) => ({ leak: t.string({ resolve }) }) }),
    ],
    // Scopes that a field sets by itself are no decision that anybody is told of.
    'one with scopes of its own': [
      'Query.leak',
      (b) =>
        b.queryField('leak', (t) =>
          t.string({
            authScopes: { rights: { permissions: [], allSpaces: false, exempt: false } },
            resolve,
          }),
        ),
    ],
  }
  test.each(Object.entries(cases))('%s', (_, [field, add]) => {
    const builder = freshBuilder()
    add(builder)
    expect(() => builder.toSchema()).toThrow(`${field} declares no guard.`)
  })

  // An empty list would be fulfilled by everybody.
  test('nor does one whose decision names no permission', () => {
    const builder = freshBuilder()
    const guard: Guard<object> = { permissions: [], allSpaces: true }
    builder.queryField('leak', (t) => t.string({ nullable: true, guard, resolve }))
    expect(() => builder.toSchema()).toThrow('Query.leak names no permission.')
  })

  // The builder that everything is built on has the guard in it, and not only the ones made here.
  test('on the builder of the API', async () => {
    const script = `import { builder } from './src/schema/builder.ts'
      builder.queryField('leak', (t) => t.string({ resolve: () => '' }))
      builder.toSchema()`
    const args = ['--input-type=module-typescript', '--eval', script]
    const failed = promisify(execFile)(process.execPath, args, { cwd: root })
    await expect(failed).rejects.toMatchObject({
      stderr: expect.stringContaining('Query.leak declares no guard.'),
    })
  })
})

test('a decision is enforced, printed for routers and told at the end of the description', async () => {
  const builder = freshBuilder()
  let runs = 0
  const guard = { permissions: ['keys:read', 'scopes:read'], allSpaces: true } as const
  builder.queryField('kept', (t) =>
    t.string({ nullable: true, description: 'Kept.', guard, resolve: () => `${++runs}` }),
  )
  const printed = printSchemaWithDirectives(builder.toSchema())
  expect(printed).toContain('"""Kept. Needs `keys:read` and `scopes:read` and all spaces."""')
  expect(printed).toContain('kept: String @requiresScopes(scopes: [["keys:read", "scopes:read"]])')

  // All of them are asked for, not any.
  for (const held of [[], ['keys:read'], ['scopes:read', 'keys:create']]) {
    const missing = guard.permissions.filter((name) => !(held as string[]).includes(name))
    expect(await run(builder, '{ kept open }', held)).toEqual({
      data: { kept: null, open: '' },
      errors: [`This needs ${missing.join(' and ')}.`],
    })
  }
  expect(runs).toBe(0)
  expect(await run(builder, '{ kept open }', ['keys:read', 'scopes:read'])).toEqual({
    data: { kept: '1', open: '' },
    errors: [],
  })
})

// A mutation that is refused has not run, whatever its payload asks for.
test('a refused mutation does not run', async () => {
  const builder = freshBuilder()
  let runs = 0
  builder.mutationType({
    fields: (t) => ({
      act: t.int({ nullable: true, guard: 'keys:update', resolve: () => ++runs }),
    }),
  })
  const { data } = await run(builder, 'mutation { a: act b: act }', ['keys:read'])
  expect([data, runs]).toEqual([{ a: null, b: null }, 0])
})

// A field that an object inherits from an interface keeps the interface's decision.
test('an inherited field is guarded', async () => {
  const builder = freshBuilder()
  const thing = builder.interfaceRef<object>('Thing').implement({
    fields: (t) => ({
      id: t.string({ guard: 'public', resolve: () => 'id' }),
      kept: t.string({ nullable: true, guard: 'keys:read', resolve: () => 'kept' }),
    }),
  })
  const part = builder
    .objectRef<object>('Part')
    .implement({ interfaces: [thing], isTypeOf: () => true })
  builder.queryFields((t) => ({
    part: t.field({ type: part, guard: 'public', resolve: () => ({}) }),
    thing: t.field({ type: thing, guard: 'public', resolve: () => ({}) }),
  }))
  const type = builder.toSchema().getType('Part')
  const field = isObjectType(type) ? type.getFields().kept : undefined
  expect(field && requirementOf(field)).toEqual({ permissions: ['keys:read'] })
  const query = '{ part { id kept } thing { id kept } }'
  const refused = { id: 'id', kept: null }
  expect((await run(builder, query)).data).toEqual({ part: refused, thing: refused })
  const shown = { id: 'id', kept: 'kept' }
  expect((await run(builder, query, ['keys:read'])).data).toEqual({ part: shown, thing: shown })
})

describe('an exempt call', () => {
  const guard = (when: (args: { id: string }) => boolean): Guard<{ id: string }> => ({
    permissions: ['keys:delete'],
    unless: { note: 'Oneself is free.', when },
  })
  const withField = (when: (args: { id: string }) => boolean): Builder => {
    const builder = freshBuilder()
    builder.queryField('end', (t) =>
      t.string({
        nullable: true,
        args: { id: t.arg.string({ required: true }) },
        guard: guard(when),
        resolve: (_, { id }) => id,
      }),
    )
    return builder
  }

  // Answers to a question are kept for the operation: that of one call must not be another's.
  test.each([
    '{ a: end(id: "own") b: end(id: "other") }',
    '{ b: end(id: "other") a: end(id: "own") }',
  ])('frees no other call of the same operation: %s', async (query) => {
    const { data } = await run(
      withField(({ id }) => id === 'own'),
      query,
    )
    expect(data).toEqual({ a: 'own', b: null })
  })

  test('whose condition cannot be told is none', async () => {
    const builder = withField(() => {
      throw new Error('unknown')
    })
    expect((await run(builder, '{ end(id: "own") }')).data).toEqual({ end: null })
  })
})

// Scopes set past the guard would be enforced without being printed, or replace what it sets.
test('nothing but the guard speaks to scope-auth', () => {
  const past = /authScopes|withAuth|skipTypeScopes|skipInterfaceScopes|disableScopeAuth|grantScopes/
  const files = readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('generated'))
    .filter((name) => past.test(readFileSync(`${root}/src/${name}`, 'utf8')))
  expect(files.sort()).toEqual(['schema/builder.ts', 'schema/guard.ts'])
})

// Other ways to an entity than its own field: by its id under any type, or events that nobody checks again.
test('what has an id of its own is found by it under the guard of its own query field', () => {
  expect(wholeSchema.getSubscriptionType()).toBeUndefined()
  const node = wholeSchema.getType('Node')
  if (!isInterfaceType(node)) throw new Error('Node is no interface')
  const items = wholeSchema.getQueryType()?.getFields() ?? {}
  const types = wholeSchema.getPossibleTypes(node)
  expect(types.length).toBeGreaterThan(9)
  for (const { name } of types) {
    const own = `${name.charAt(0).toLowerCase()}${name.slice(1)}`
    // Of endpoints all are listed.
    const item = items[own] ?? items[`${own}s`]
    expect(item && requirementOf(item)?.permissions, name).toHaveLength(1)
  }
})
