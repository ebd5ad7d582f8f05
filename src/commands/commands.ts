import { ConfigError } from '../errors.ts'
import { replaceOwnerKey } from '../modules/workspace/bootstrap.ts'
import { fillExampleWorkspace } from '../modules/workspace/example.ts'
import { type Command, type CommandKind, defineCommand } from './define.ts'
import { legacyImport } from './legacy-import.ts'
import { legacyRevoke } from './legacy-revoke.ts'
import { workspaceHashImport } from './workspace-hash-import.ts'
import { workspacePlan } from './workspace-plan.ts'

const kinds: readonly CommandKind[] = [
  defineCommand({
    words: 'bootstrap',
    parameters: ['slug'],
    description: 'a new owner key for the workspace of that slug',
    read:
      ({ slug }) =>
      async (deps) => {
        const { secret } = await replaceOwnerKey(deps, slug)
        return `A new owner key of ${slug}, shown this once:\n${secret}`
      },
  }),
  defineCommand({
    words: 'demo',
    description: 'an example workspace to explore',
    read: () => fillExampleWorkspace,
  }),
  workspacePlan,
  workspaceHashImport,
  legacyImport,
  legacyRevoke,
  defineCommand({
    words: 'signing-key rotate',
    description: 'a new key to sign access tokens with, from ten minutes on',
    read:
      () =>
      async ({ signingKeys }) => {
        const { id, signsFrom } = await signingKeys.rotate()
        return `The signing key ${id} is published, and signs from ${signsFrom.toISOString()} on.`
      },
  }),
]

const usage = (): string => {
  const width = Math.max(...kinds.map((kind) => kind.usage.length))
  return kinds.map((kind) => `latchkey ${kind.usage.padEnd(width)}  ${kind.description}`).join('\n')
}

/** @throws ConfigError for a command that there is not */
function kindOf(argv: readonly string[]): { readonly kind: CommandKind; readonly rest: string[] } {
  for (const kind of kinds) {
    const words = kind.words.split(' ')
    if (words.every((word, index) => word === argv[index]))
      return { kind, rest: argv.slice(words.length) }
  }
  throw new ConfigError(`expected one of\n${usage()}`)
}

/**
 * The path of the file that a command takes, as it was typed; undefined: it takes none.
 *
 * @throws ConfigError for a command that there is not, and for what it cannot take
 */
export function fileOf(argv: readonly string[]): string | undefined {
  const { kind, rest } = kindOf(argv)
  return kind.fileOf(rest)
}

/**
 * Reads a command and the text of its file, so that a mistyped one is refused before any database is
 * opened or made. The command logs that it was done, with what it was done to; what it prints may be
 * a secret, and what a failed one names may be anything.
 *
 * @throws ConfigError for a command that there is not, and for what it cannot take
 */
export function readCommand(argv: readonly string[], text = ''): Command {
  const { kind, rest } = kindOf(argv)
  const command = kind.read(rest, text)
  return async (deps) => {
    const logged = { actor: 'operator', command: kind.words }
    try {
      const output = await command(deps)
      deps.logger.info({ ...logged, target: rest.join(' ') }, 'command done')
      return output
    } catch (error) {
      deps.logger.warn(logged, 'command failed')
      throw error
    }
  }
}
