import type { Deps } from './deps.ts'
import { SettingError } from './env.ts'
import { replaceOwnerKey } from './modules/workspace/bootstrap.ts'
import { fillExampleWorkspace } from './modules/workspace/example.ts'

const usage = `latchkey bootstrap <slug>   a new owner key for the workspace of that slug
latchkey demo               an example workspace to explore
latchkey signing-key rotate a new key to sign access tokens with, from ten minutes on`

/** A command of the command line, ready to run; it resolves to what it prints. */
export type Command = (deps: Deps) => Promise<string>

/**
 * Reads a command, so that a mistyped one is refused before any database is opened or made.
 *
 * @throws SettingError for a command that there is not
 */
export function readCommand(argv: readonly string[]): Command {
  const [name, argument, ...rest] = argv
  if (name === 'demo' && argument === undefined) return fillExampleWorkspace
  if (name === 'bootstrap' && argument !== undefined && rest.length === 0)
    return async (deps) => {
      const { secret } = await replaceOwnerKey(deps, argument)
      return `A new owner key of ${argument}, shown this once:\n${secret}`
    }
  if (name === 'signing-key' && argument === 'rotate' && rest.length === 0)
    return async ({ signingKeys }) => {
      const { id, signsFrom } = await signingKeys.rotate()
      return `The signing key ${id} is published, and signs from ${signsFrom.toISOString()} on.`
    }
  throw new SettingError(`expected one of\n${usage}`)
}
