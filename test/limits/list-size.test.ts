import SchemaBuilder from '@pothos/core'
import { getNullableType, isIntrospectionType, isListType, isObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { getDatamodel } from '../../src/generated/pothos.ts'
import type { Context } from '../../src/schema/context.ts'
import '../../src/schema/budget-plugin.ts'
import { schema } from '../../src/schema/schema.ts'

test('a list that does not declare how many items it can hold does not build', () => {
  const build = (listSize?: number) => {
    const builder = new SchemaBuilder<{ Context: Context }>({
      plugins: ['budget'],
      scopeAuth: { authScopes: () => ({}) },
      prisma: { client: ({ deps }) => deps.prisma, dmmf: getDatamodel() },
    })
    builder.queryType({
      fields: (t) => ({
        names: t.stringList({ ...(listSize !== undefined && { listSize }), resolve: () => [] }),
      }),
    })
    return builder.toSchema()
  }
  expect(() => build()).toThrow('Query.names declares no listSize.')
  expect(() => build(3)).not.toThrow()
})

test('every list of the schema declares how many items it can hold', () => {
  const lists = Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type))
    .filter(isObjectType)
    .flatMap((type) => Object.values(type.getFields()))
    .filter(({ type }) => isListType(getNullableType(type)))
  expect(lists.length).toBeGreaterThan(60)
  for (const { name, extensions } of lists)
    expect(['number', 'function', 'page', 'ids'], name).toContain(
      typeof extensions.listSize === 'string' ? extensions.listSize : typeof extensions.listSize,
    )
})
