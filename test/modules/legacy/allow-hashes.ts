import { readCommand } from '../../../src/commands/commands.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'

/** Lets a workspace import hashes, or not any more, as the operator would. */
export const allowHashes = (
  { deps }: Pick<World, 'deps'>,
  { slug }: Pick<TestWorkspace, 'slug'>,
  state: 'on' | 'off' = 'on',
): Promise<string> => readCommand(['workspace', 'hash-import', slug, state])(deps)
