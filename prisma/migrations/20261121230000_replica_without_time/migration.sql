-- AlterTable
ALTER TABLE "Replica" DROP COLUMN "joinedAt";
