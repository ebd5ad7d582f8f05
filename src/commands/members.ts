import { roles } from '../auth/roles.ts'
import { listMembers } from '../modules/member/list.ts'
import { addMember } from '../modules/member/member.service.ts'
import { columns, shownInstant } from './columns.ts'
import { defineCommand } from './define.ts'
import { operatorIn, workspaceOption } from './operator-context.ts'
import { oneOf, valued } from './option-values.ts'

const membersList = defineCommand({
  words: 'members list',
  options: workspaceOption,
  description: 'list the members of a workspace and its machine users, newest first',
  example: 'members list --workspace main',
  read:
    (_given, { workspace }) =>
    async (deps) => {
      const { workspaceId } = await operatorIn(deps, workspace)
      const members = await listMembers(deps, workspaceId)
      const rows = members.map(({ userId, name, email, role, user: { kind }, createdAt }) => [
        userId,
        name,
        email ?? '-',
        role,
        kind,
        shownInstant(createdAt),
      ])
      return {
        text: columns([['USER ID', 'NAME', 'E-MAIL', 'ROLE', 'KIND', 'ADDED'], ...rows]),
        json: members.map(({ id, userId, name, email, role, user: { kind }, createdAt }) => ({
          id,
          user: { id: userId, name, email, kind },
          role,
          createdAt,
        })),
      }
    },
})

const membersAdd = defineCommand({
  words: 'members add',
  parameters: ['email', 'role'],
  options: {
    ...workspaceOption,
    name: valued('NAME', 'their name here; by default the e-mail address'),
  },
  description: 'enter a person by e-mail as OWNER, ADMIN, BUILDER or MEMBER',
  example: 'members add ada@example.com ADMIN --name "Ada Example"',
  read({ email, role: text }, { workspace, name }) {
    const role = oneOf('the role', roles, text)
    return async (deps) => {
      const context = await operatorIn(deps, workspace)
      const { id, userId, ...member } = await addMember(context, { email, role, name })
      return {
        text: `${member.name} is a member as ${role}, with the user id ${userId}.`,
        json: {
          member: { id, user: { id: userId, name: member.name, email: member.email }, role },
        },
        // The log names nobody by their address.
        target: id,
      }
    }
  },
})

export const memberCommands = [membersList, membersAdd]
