import type { Step } from './steps.ts'

const by = (
  root: 0 | 1,
  action: string,
  input: Readonly<Record<string, unknown>>,
): Omit<Step, 'n'> => ({ tenant: root, by: `root${root}`, action, input })

/** What every sequence begins with: spaces, agents, people and machine users. */
export const setup: readonly Omit<Step, 'n'>[] = [
  by(0, 'createSpace', { name: 'Open', visibility: 'OPEN' }),
  by(0, 'createSpace', { name: 'Left', visibility: 'RESTRICTED' }),
  by(0, 'createSpace', { name: 'Right', visibility: 'RESTRICTED' }),
  by(1, 'createSpace', { name: 'Other', visibility: 'OPEN' }),
  by(0, 'createMachineUser', { name: 'Admin', role: 'ADMIN' }),
  by(0, 'createMachineUser', { name: 'Builder', role: 'BUILDER', spaceIds: ['#space2'] }),
  by(0, 'createMachineUser', { name: 'Member', role: 'MEMBER' }),
  by(1, 'createMachineUser', { name: 'Admin', role: 'ADMIN' }),
  by(0, 'addMember', { email: '@1', role: 'ADMIN' }),
  by(0, 'addMember', { email: '@2', role: 'BUILDER' }),
  by(0, 'addMember', { email: '@3', role: 'MEMBER' }),
  by(1, 'addMember', { email: '@4', role: 'ADMIN' }),
  by(0, 'createAgent', { name: 'Left', spaceIds: ['#space2'] }),
  by(0, 'createAgent', { name: 'Both', spaceIds: ['#space1', '#space3'] }),
]
