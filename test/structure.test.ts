import { readdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

const filesIn = (...folders: readonly string[]): string[] =>
  folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .filter((file) => !/(^|\/)(generated|node_modules)\//.test(file)),
  )

interface Source {
  readonly file: string
  readonly text: string
  /** Files of the project as paths from its root, packages by their name. */
  readonly imports: readonly string[]
}

const specifiers = /(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g

const read = (file: string): Source => {
  const text = readFileSync(join(root, file), 'utf8')
  const imports = [...text.matchAll(specifiers)].map(([, specifier = '']) =>
    specifier.startsWith('.') ? join(dirname(file), specifier) : specifier,
  )
  return { file, text, imports }
}

const isCode = (file: string): boolean => ['.ts', '.mjs'].includes(extname(file))
const src = filesIn('src').filter(isCode).map(read)
const code = [
  ...src,
  ...filesIn('test', 'scripts', 'bin', 'bench', 'examples').filter(isCode).map(read),
  ...['codegen.ts', 'prisma/prisma.config.ts'].map(read),
]

/** The imports of the files that `from` picks which lead to what `to` matches. */
const arrows = (from: (file: string) => boolean, to: RegExp): string[] =>
  src
    .filter(({ file }) => from(file))
    .flatMap(({ file, imports }) =>
      imports.filter((target) => to.test(target)).map((target) => `${file} -> ${target}`),
    )

const isSchemaFile = (file: string): boolean => /\.(schema|mutations|query-fields)\.ts$/.test(file)
const inModules = (file: string): boolean => file.startsWith('src/modules/')

test('the imports are read at all', () => {
  expect(src.length).toBeGreaterThan(100)
  expect(arrows((file) => file === 'src/app.ts', /./)).toContain('src/app.ts -> src/deps.ts')
  expect(arrows((file) => file === 'src/schema/schema.ts', /^graphql$/)).toHaveLength(1)
})

/** The first folder of a file below src, or the file itself. */
const roomOf = (file: string): string => file.split('/')[1] ?? file

/** By room, the rooms that stand on it or beside it: it imports nothing of them. */
const above: Readonly<Record<string, RegExp>> = {
  input: /^(auth(?!\/permissions\.ts)|limits|db|replication|transactions|schema|modules|http)\b/,
  storage: /^(auth|limits|db|replication|transactions|schema|modules|http)\b/,
  runtime: /^(auth|limits|db|replication|transactions|schema|modules|http)\b/,
  jobs: /^(limits|transactions|schema|modules|http)\b/,
  replication: /^(auth|limits|db|transactions|schema|modules|http)\b/,
  db: /^(limits|transactions|schema|modules|http)\b/,
  limits: /^(transactions|schema|modules|http)\b/,
  auth: /^(transactions|schema|modules|http)\b/,
  transactions: /^(limits|schema|modules|http)\b/,
  schema: /^(http|modules(?!\/.*\.(mutations|schema|query-fields)\.ts$))\b/,
  modules: /^http\b/,
}
const mains = /^(commands\/|(app|server|cli|installation|first-start)\.ts)/

test.each(Object.entries(above))('%s imports nothing of the rooms above it', (room, pattern) => {
  const inRoom = src.filter(({ file }) => roomOf(file) === room)
  expect(inRoom.length).toBeGreaterThan(0)
  const isAbove = (target: string): boolean => pattern.test(target) || mains.test(target)
  const upwards = inRoom.flatMap(({ file, imports }) =>
    imports
      .filter((target) => target.startsWith('src/') && isAbove(target.slice('src/'.length)))
      .map((target) => `${file} -> ${target}`),
  )
  expect(upwards).toEqual([])
})

test('only schema.ts puts the modules together', () => {
  const others = (file: string) => /^src\/schema\//.test(file) && file !== 'src/schema/schema.ts'
  expect(arrows(others, /^src\/modules\//)).toEqual([])
})

test('no imports go in a circle', () => {
  const imports = new Map(src.map(({ file, imports }) => [file, imports]))
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (done.has(file) || path.includes(file)) return
    for (const target of imports.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of imports.keys()) visit(file, [])
  expect(circles).toEqual([])
})

// A rule can be tested, and given another door, without a schema.
test('services and queries know no GraphQL', () => {
  const graphql =
    /^(graphql|graphql-yoga|@pothos\/.*|@graphql-tools\/.*)$|^src\/schema\/(?!context\.ts)|\.(schema|mutations|query-fields)\.ts$/
  // Pieces of schema files: a field that several payloads share, and loaders of one operation.
  const shared = ['secret-field.ts', 'key-loaders.ts']
  const isRule = (file: string) =>
    inModules(file) && !isSchemaFile(file) && !shared.some((name) => file.endsWith(`/${name}`))
  expect(src.filter(({ file }) => isRule(file)).length).toBeGreaterThan(30)
  expect(arrows(isRule, graphql)).toEqual([])
})

// One definition of who may do what, that anything can be asked about without a database.
test('the rules of permissions import nothing but each other', () => {
  const rules = (file: string) => /^src\/auth\/(permissions|roles|policy)\.ts$/.test(file)
  expect(src.filter(({ file }) => rules(file))).toHaveLength(3)
  expect(arrows(rules, /^(?!src\/auth\/(permissions|roles|policy|caller)\.ts$)/)).toEqual([])
  expect(arrows((file) => file === 'src/auth/permissions.ts', /./)).toEqual([])
})

test('only config.ts reads the environment', () => {
  const readers = src.filter(({ text }) => /process\s*\.\s*env\b|process\[/.test(text))
  expect(readers.map(({ file }) => file)).toEqual(['src/config.ts'])
  expect(arrows(() => true, /^(node:)?process$/)).toEqual([])
})

test('no file is longer than 300 lines', () => {
  const long = code.filter(({ text }) => text.split('\n').length > 301)
  expect(long.map(({ file }) => file)).toEqual([])
})

const found = (pattern: RegExp, sources: readonly Source[]): string[] =>
  sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file)

/** In two parts, so that this file does not find itself. */
const word = (...parts: readonly string[]): RegExp => new RegExp(parts.join(''))

test('nothing switches the checks off', () => {
  expect(found(word('disable', 'ScopeAuth'), src)).toEqual([])
  expect(found(word('@ts-', '(ignore|nocheck)'), code)).toEqual([])
  expect(found(word('biome', '-ignore'), src)).toEqual([])
  expect(found(word('\\bas ', 'any\\b'), src)).toEqual([])
})

test('nothing is left to do in a comment', () => {
  expect(found(word('\\b(TO', 'DO|FIX', 'ME|XX', 'X|HA', 'CK)\\b'), code)).toEqual([])
})

test('nothing tells of the machine that it was written on', () => {
  const paths = word('(\\.\\./sha', 'red\\b|/wo', 'rk/|/ro', 'ot/|/home/\\w)')
  // The contract is looked for beside the project, and need not be there.
  expect(found(paths, code)).toEqual(['test/schema.test.ts'])
})

test('exports are named, and no file does nothing but pass on', () => {
  expect(found(/^export default\b/m, src)).toEqual([])
  expect(src.filter(({ file }) => file.endsWith('/index.ts'))).toEqual([])
})
