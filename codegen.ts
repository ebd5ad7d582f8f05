// Writes what is made from the code: schema.graphql, and typed operations for tests (test/generated)
// and for the page in examples/browser.
//
//   node codegen.ts               both
//   node codegen.ts --operations  the operations only
//   node codegen.ts --check       writes nothing; fails when schema.graphql is not what the code prints
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { generate } from '@graphql-codegen/cli'
import browserExample from './examples/browser/codegen.ts'
import { printedSchema } from './src/schema/schema.ts'

const root = fileURLToPath(new URL('.', import.meta.url))
const schemaFile = new URL('schema.graphql', import.meta.url)

/** The first line in which two texts differ, as a diff would show it; undefined when they do not. */
function firstDifference(written: string, printed: string): string | undefined {
  if (written === printed) return undefined
  const before = written.split('\n')
  const after = printed.split('\n')
  const line = after.findIndex((text, index) => text !== before[index])
  const at = line < 0 ? after.length : line
  return [`@@ line ${at + 1} @@`, `- ${before[at] ?? ''}`, `+ ${after[at] ?? ''}`].join('\n')
}

async function checkSchema(): Promise<void> {
  const difference = firstDifference(await readFile(schemaFile, 'utf8'), printedSchema())
  if (difference === undefined) return
  console.error(`schema.graphql is not what the code prints; run: node codegen.ts\n${difference}`)
  process.exitCode = 1
}

async function writeOperations(): Promise<void> {
  await mkdir(new URL('test/generated/', import.meta.url), { recursive: true })
  await generate({
    cwd: root,
    schema: printedSchema(),
    documents: ['test/operations/*.graphql', 'scripts/graphiql/tabs/*.graphql'],
    silent: true,
    errorsOnly: true,
    generates: {
      'test/generated/operations.ts': {
        plugins: ['typescript-operations', 'typed-document-node'],
        config: {
          useTypeImports: true,
          enumType: 'string-literal',
          skipTypename: true,
          scalars: { ID: 'string', DateTime: 'string' },
        },
      },
    },
  })
  await generate({
    ...browserExample,
    cwd: fileURLToPath(new URL('examples/browser', import.meta.url)),
    schema: printedSchema(),
    silent: true,
    errorsOnly: true,
  })
}

if (process.argv.includes('--check')) await checkSchema()
else {
  if (!process.argv.includes('--operations')) await writeFile(schemaFile, printedSchema())
  await writeOperations()
}
