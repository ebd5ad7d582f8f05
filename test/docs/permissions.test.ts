import { readFile } from 'node:fs/promises'
import { buildSchema, isInputObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { aliases, catalogue, permissionNames } from '../../src/auth/permissions.ts'
import { ceilings, roles } from '../../src/auth/roles.ts'

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

const page = await read('docs/permissions.md')

/** The cells of the rows of the tables below a heading, without their heads. */
function rowsOf(heading: string): string[][] {
  const [, section = ''] =
    new RegExp(`^## ${heading}\\n(.*?)(?=^## |$(?![^]))`, 'ms').exec(page) ?? []
  const tables = section.match(/(^\|.*\n?)+/gm) ?? []
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(2))
  return rows.map((row) =>
    row
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  )
}

const names = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

test('the catalogue is documented as it is', () => {
  const documented = rowsOf('The catalogue').map(([name, per, needs, of = '', description]) => ({
    name: names(name)[0],
    perSpace: per === 'space',
    requires: names(needs),
    roles: of === 'everybody' ? [...roles] : of.split(', '),
    description,
  }))
  const actual = permissionNames.map((name) => ({
    name,
    perSpace: catalogue[name].perSpace,
    requires: [...catalogue[name].requires],
    roles: roles.filter((role) => ceilings[role].has(name)),
    description: catalogue[name].description,
  }))
  expect(documented).toEqual(actual)
})

test('every alias is documented', () => {
  const documented = rowsOf('Aliases').flatMap(([alias]) => names(alias))
  const kinds = [...aliases.keys()].map((alias) => alias.replace(/^[a-z]+:/, '<resource>:'))
  expect(new Set(documented)).toEqual(new Set(kinds))
})

test('every root field is documented with the permissions that it prints', async () => {
  const schema = buildSchema(await read('schema.graphql'))
  const documented = new Map(
    rowsOf('What each field asks for').flatMap(([fields, asks]) =>
      names(fields).map((field): [string, string[]] => [field, names(asks)]),
    ),
  )
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    for (const [name, { astNode }] of Object.entries(type?.getFields() ?? {})) {
      const asks = /Needs (`.+?)\.$/.exec(astNode?.description?.value ?? '')?.[1]
      expect([name, documented.get(name)]).toEqual([name, names(asks)])
    }
})

test('every filter that asks for something is documented with what it prints', async () => {
  const schema = buildSchema(await read('schema.graphql'))
  const printed = Object.values(schema.getTypeMap())
    .filter(isInputObjectType)
    .flatMap(({ name, astNode }) =>
      (astNode?.fields ?? []).flatMap((field) => {
        const asks = /Needs (`.+?)\.$/.exec(field.description?.value ?? '')?.[1]
        return asks === undefined ? [] : [[`${name}.${field.name.value}`, names(asks)] as const]
      }),
    )
  const documented = rowsOf('What each field asks for').flatMap(([fields, asks]) =>
    names(fields)
      .filter((field) => field.includes('.'))
      .map((field) => [field, names(asks)] as const),
  )
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(printed))
})
