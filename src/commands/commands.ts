import { CommandError } from '../db/admin-socket.ts'
import { replaceOwnerKey } from '../modules/workspace/bootstrap.ts'
import { fillExampleWorkspace } from '../modules/workspace/example.ts'
import { auditExport, auditVerify } from './audit.ts'
import { type Command, type CommandKind, defineCommand, oneLine, PartialFailure } from './define.ts'
import { findCommand, unknownCommand } from './help.ts'
import { keyCommands } from './keys.ts'
import { legacyCommands } from './legacy.ts'
import { memberCommands } from './members.ts'
import { workspaceCommands } from './workspaces.ts'

/** All commands: help, reading and running come from here. */
export const commands: readonly CommandKind[] = [
  defineCommand({
    words: 'bootstrap',
    parameters: ['slug'],
    description: 'make a new owner key for a workspace; the old one is not revoked',
    example: 'bootstrap main',
    read:
      ({ slug }) =>
      async (deps) => {
        const { apiKey, secret } = await replaceOwnerKey(deps, slug)
        return {
          text: `A new owner key of ${slug}, shown this once:\n${secret}`,
          json: { apiKey: { id: apiKey.id, name: apiKey.name }, secret },
        }
      },
  }),
  defineCommand({
    words: 'demo',
    description: 'make an example workspace to explore',
    example: 'demo',
    read: () => async (deps) => {
      const { slug, owner, integration } = await fillExampleWorkspace(deps)
      return {
        text: [
          'The workspace "Example": three spaces, five agents, a machine user, a scope and two keys,',
          'each shown this once:',
          `  its owner, everything everywhere         ${owner}`,
          `  the integration, two of the three spaces ${integration}`,
        ].join('\n'),
        json: { slug, secrets: { owner, integration } },
      }
    },
  }),
  auditVerify,
  auditExport,
  ...keyCommands,
  ...memberCommands,
  ...workspaceCommands,
  ...legacyCommands,
  defineCommand({
    words: 'signing-key rotate',
    description: 'make the next key that signs access tokens, from ten minutes on',
    example: 'signing-key rotate',
    read:
      () =>
      async ({ signingKeys }) => {
        const { id, signsFrom } = await signingKeys.rotate()
        return {
          text: `The signing key ${id} is published, and signs from ${signsFrom.toISOString()} on.`,
          json: { id, signsFrom },
        }
      },
  }),
]

/** @throws UsageError for a command that there is not, and for what it cannot take */
function parse(argv: readonly string[]) {
  const found = findCommand(commands, argv)
  if (found === undefined) throw unknownCommand(argv)
  return { ...found.kind.parse(found.rest), kind: found.kind }
}

/**
 * The path of the file that a command takes, as it was typed; undefined: it takes none.
 *
 * @throws UsageError for a command that there is not, and for what it cannot take
 */
export const fileOf = (argv: readonly string[]): string | undefined => parse(argv).file

const printed = (json: unknown): string => JSON.stringify(json, null, 2)

/** The error of a command whose result is read by programs: one line, and the result as far as there is one. */
function errorWithJson(error: unknown): CommandError {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof PartialFailure)
    return new CommandError(message.split('\n', 1)[0] ?? '', printed(error.json))
  return new CommandError(oneLine(message))
}

/**
 * Reads a command and the text of its file, so that a mistyped one is refused before any database is
 * opened or made. The command logs that it was done, with what it was done to; what it prints may be
 * a secret, and what a failed one names may be anything.
 *
 * @throws UsageError for a command that there is not, and for what it cannot take
 */
export function readCommand(argv: readonly string[], text = ''): Command {
  const { kind, read, ...typed } = parse(argv)
  const command = read(text)
  return async (deps, write = async () => true) => {
    const logged = { actor: 'operator', command: kind.words }
    try {
      const { target = typed.target, ...result } = await command(deps, write)
      deps.logger.info({ ...logged, target }, 'command done')
      return typed.json ? printed(result.json) : result.text
    } catch (error) {
      deps.logger.warn(logged, 'command failed')
      const explained = kind.explain(error)
      throw typed.json ? errorWithJson(explained) : explained
    }
  }
}
