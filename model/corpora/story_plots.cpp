// What can happen in a story. Every plot has a wish, something in its way, and a way out; people
// talk to each other, and call each other by name, so that there is something to remember.
//
// The language of the gaps is explained in writer.h, the words in stories.h.
#include "model/corpora/stories.h"

namespace glass {
namespace {

constexpr std::string_view kLost[] = {
    "{hero} had {a thing} that {he} loved more than anything else. [Wherever {he} went, the {bare} "
    "went too.|Every night {he} put the {bare} next to {his} bed.|It was a present from {his} "
    "[grandmother|grandfather|aunt|uncle].]",
    "[One day|One morning|One windy afternoon] {hero} took the {bare} to {place}. {He} [played|ran "
    "around|had fun] until the sun was low. But when it was time to go home, the {bare} was gone! "
    "\"Oh no,\" said {hero}. \"Where is my {thing}?\" {He} looked {spot1}, but [it was not "
    "there|there was nothing].",
    "[Just then|A moment later] {friend} came by. {friend} was {hero}'s friend, {a fkind} with [a "
    "kind heart|a big smile|bright eyes]. \"Why are you [so sad|crying], {hero}?\" asked {friend}. "
    "\"I lost my {thing},\" said {hero}. \"[Do not worry|Don't cry],\" said {friend}. \"[Two of us "
    "will find it faster than one.|I will help you look for it.]\"",
    "They looked {spot2}. They found [an old shoe|a shiny button|a sleepy beetle|a broken cup], "
    "but "
    "no {bare}. [They looked a little longer.|{hero} wanted to give up, but {friend} said, \"Let "
    "us "
    "try one more place.\"] Then {friend} looked {spot3}. \"{hero}, I see something {color}!\" "
    "{fhe} called. {hero} ran there as fast as {he} could. It was the {thing}!",
    "\"Thank you, {friend}!\" said {hero}, and gave {fhim} a [big|long] hug. [From that day "
    "on|After "
    "that] {hero} [held the {bare} tight|always knew where the {bare} was], and {friend} [came "
    "along "
    "to {place} every day|was {his} best friend].",
};

constexpr std::string_view kStuck[] = {
    "It was a [sunny|bright|warm] day, and {hero} was in a {mood} mood. {He} and {friend} were "
    "playing "
    "with {a thing} not far from {place}. {hero} threw it [high|very high] into the air, [higher "
    "and "
    "higher|and laughed].",
    "Then the {bare} did not come down again. It was stuck in [a tall tree|the oldest tree|a tree "
    "with thick leaves]! {hero} jumped, but {he} could not reach it. {friend} shook the tree, but "
    "the {bare} did not move. \"What can we do now?\" asked {friend}.",
    "{hero} sat down and thought. \"I have an idea,\" {he} said. \"[We need a long stick.|We need "
    "a "
    "ladder.|If I stand on your shoulders, I can reach it.]\" \"[That is a good idea|That could "
    "work],\" said {friend}. \"But [be careful|hold on tight], {hero}!\"",
    "They tried it once, and it did not work. They tried it again, and {hero} could touch the "
    "{bare} "
    "with [one finger|the tips of {his} fingers]. They tried it a third time, and [down came the "
    "{thing}|the {thing} fell right into {friend}'s arms].",
    "\"We did it!\" [cried|shouted] {hero} and {friend} [together|at the same time]. They played "
    "until "
    "[it was dark|dinner time]. But this time {hero} did not throw the {bare} so high.",
};

constexpr std::string_view kFear[] = {
    "{hero} was [good at many things|not afraid of much|strong and quick], but there was one thing "
    "that {he} [did not like at all|was afraid of]: {fear}. [Nobody "
    "knew it.|Only {friend} knew it.|{He} did not like to talk about it.]",
    "[One evening|One day] {friend} came to {hero}'s house. \"Come with me to {place},\" said "
    "{friend}. \"[It will be fun.|There is something I want to show you.]\" {hero} wanted to go, "
    "but "
    "then {he} thought of {fear}, and [{his} knees began to shake|{his} heart beat fast]. \"I "
    "can't,\" "
    "said {hero} in a small voice. \"I am afraid.\"",
    "{friend} did not laugh. \"[Do you want to know a secret?|Let me tell you something,]\" said "
    "{friend}. \"I was afraid of {fear} too. [My mother|My father|My grandmother] told me to take "
    "one "
    "small step, and then another. [Shall we try it together?|You can hold my hand.]\"",
    "So they went together. First {hero} took one small step. Nothing bad happened. Then {he} took "
    "another one. [{He} breathed in and out.|{He} counted to ten.] \"[It is not so bad|I am still "
    "a "
    "little afraid],\" {he} said, \"and I am doing it!\" {friend} [clapped|smiled].",
    "When {hero} came home, {he} felt [ten feet tall|proud]. \"I was afraid and I did it anyway,\" "
    "{he} "
    "told {his} [mother|father]. \"[That is what brave means|That is the bravest thing of all],\" "
    "was "
    "the answer. And {hero} slept well that night.",
};

constexpr std::string_view kSharing[] = {
    "{hero} and {friend} were [good|best] friends. They did everything together. [One day|One "
    "morning] they found {a thing} {spot1} {there}. Nobody else was there.",
    "\"I saw it first!\" said {hero}. \"No, I saw it first!\" said {friend}. {hero} pulled on one "
    "side "
    "of the {bare}, and {friend} pulled on the other side. [They pulled and pulled.|They both had "
    "red "
    "faces.] \"It is mine!\" they shouted.",
    "{A helperkind} heard the noise and [came|walked] over. \"Why are you shouting?\" asked "
    "{helper}. "
    "\"{friend} wants to take my {bare}!\" said {hero}. \"{hero} wants to take my {bare}!\" said "
    "{friend}. {Helper} [smiled|scratched {hhis} head]. \"[{A bare} that nobody can play with is "
    "no fun "
    "at all|If you pull any more, you will have two halves of {a bare}],\" {hhe} said.",
    "{hero} looked at {friend}, and {friend} looked at {hero}. \"[You can have it first|You may "
    "take it "
    "first],\" said {hero} [quietly|at last]. \"And tomorrow it is my turn.\" \"[Or we can play "
    "with it "
    "together|We could both play with it now],\" said {friend}. [And so they did.|They both "
    "laughed.]",
    "They played with the {thing} all day long. [It was much more fun with two.|They were not "
    "angry "
    "any more.] When {helper} came by again, {hero} and {friend} [waved|called {hhim}]. \"Look,\" "
    "they "
    "said, \"it is ours!\"",
};

constexpr std::string_view kBuilding[] = {
    "{hero} wanted to build {a project}. {He} had dreamed about it for [days|weeks]. \"It will be "
    "the "
    "best {project} in the world,\" {he} told {friend}. \"[Can I help?|May I help you?]\" asked "
    "{friend}. But {hero} shook {his} head. \"I can do it all by myself.\"",
    "So {hero} went to {place} and gathered {material}. {He} worked all morning. [{He} was "
    "{mood}.|{He} sang a little song.] But when the {project} was nearly done, [there came a gust "
    "of "
    "wind|it began to shake], and everything fell down.",
    "{hero} built it again, and again it fell down. {He} sat {spot1} and [cried a little|was very "
    "angry]. Then {he} saw {friend}, who had been watching. \"I should have let you help,\" said "
    "{hero}. "
    "\"[I am sorry. Will you help me?|Will you help me now?]\" \"[Of course|Yes],\" said {friend}. "
    "\"I think we must "
    "make "
    "it [wider at the bottom|stronger in the middle].\"",
    "{friend} held the {material} while {hero} put the parts together. It was [hard work|slow], "
    "but the "
    "two of them [talked|told each other stories] all the time. In the evening the {project} was "
    "done, "
    "and it did not fall down.",
    "\"It really is the best {project} in the world,\" said {friend}. \"[That is because we built "
    "it "
    "together|Because you helped me],\" said {hero}. [They sat next to it until the stars came "
    "out.|The next day everybody in the village came to see it.]",
};

constexpr std::string_view kStray[] = {
    "[One rainy day|One cold evening|Early in the morning] {hero} was walking home from {place} "
    "when "
    "{he} heard a small sound. [It came from far away.|{He} stopped to listen.] {hero} looked "
    "{spot1}. "
    "There sat a little {baby}, all alone. It was [wet and cold|shaking|very hungry].",
    "\"Hello, little {baby},\" said {hero} [softly|in a soft voice]. \"Where is your mother?\" The "
    "{baby} "
    "only looked at {him} with big eyes. {hero} wrapped it in {his} [scarf|coat|jacket] and "
    "carried it "
    "home.",
    "At home {he} gave the {baby} [something to eat|some warm milk] and made a bed for it. But the "
    "{baby} was still sad. \"It misses its mother,\" said {friend}, who had come to see it. \"[We "
    "must "
    "find her|Let us find her],\" said {hero}.",
    "So {hero} and {friend} took the {baby} and went back to {place}. They looked {spot2} and they "
    "looked "
    "{spot3}. They called and called. At last somebody answered! A big {animal} came running. The "
    "{baby} jumped out of {hero}'s arms and ran to its mother.",
    "{hero} was a little sad, because {he} [had liked the {baby}|had to say goodbye]. But then the "
    "big "
    "{animal} came and [touched {his} hand|looked at {him} for a long time], as if "
    "to say "
    "thank you. And [every time|whenever] {hero} walked home from {place}, the little {baby} [came "
    "to "
    "greet {him}|was there, and it was not so little any more].",
};

constexpr std::string_view kGift[] = {
    "Tomorrow was {friend}'s birthday, and {hero} had no present. {He} looked into {his} "
    "[pocket|little "
    "box]. There was only one coin, and one coin was not enough to buy {a thing}. {friend} had "
    "always "
    "wanted {a thing}.",
    "\"[What can I do?|How can I get a present?]\" {hero} asked {helper}. {Helper} was [fixing a "
    "chair|sweeping the floor|drinking tea]. \"[The best presents are not bought|You do not have "
    "to buy "
    "a present],\" said {helper}. \"You can make one with your own hands.\"",
    "So {hero} [sat down|went home] and made {a gift}. It took {him} all night. In the morning "
    "{he} "
    "carried it to {friend}'s house. But on the way {he} [tripped over a stone|ran too fast], and "
    "the "
    "{gift} fell into a puddle. {hero} wanted to turn around and go home.",
    "But {friend} had seen {him} from the window. \"{hero}, you came!\" called {friend}. \"What is "
    "that in "
    "your hands?\" \"It was {a gift},\" said {hero}, and [looked at {his} feet|almost cried]. \"I "
    "made it "
    "for you, but now it is [wet|dirty]. It is not {a thing}.\"",
    "{friend} took the {gift} and [turned it around|looked at it for a long time]. \"You made this "
    "for "
    "me?\" said {friend}. \"[It is the best present I got|I like it more than any {thing}]. "
    "[Come in, {hero}|Come, {hero}], there is cake!\" And {hero} was the happiest guest of all.",
};

constexpr std::string_view kTrade[] = {
    "{hero} saw {a thing} in the window of [a shop|the shop] near {place}. [It was beautiful.|{He} "
    "could "
    "not stop looking at it.] \"I will give you the {thing},\" said {helper}, who owned the shop, "
    "\"if you "
    "bring me {a ware3}.\" But {hero} had only {a ware1}.",
    "So {hero} went to {friend}. \"Do you have {a ware3}?\" asked {hero}. \"No,\" said {friend}, "
    "\"but I "
    "have {a ware2}. I will give you the {ware2} if you give me the {ware1}.\" So {hero} gave "
    "{friend} the "
    "{ware1}, and {friend} gave {hero} the {ware2}.",
    "Then {hero} met [a farmer|a sailor|a tall woman|an old man] near {place}. \"Do you have {a "
    "ware3}?\" "
    "asked {hero}. \"Yes,\" was the answer, \"and I need {a ware2}. I will give you the {ware3} if "
    "you "
    "give me the {ware2}.\" So {hero} gave away the {ware2} and got the {ware3}.",
    "{hero} ran back to the shop with the {ware3}. \"Here is {a ware3}!\" {he} [called|said]. "
    "{Helper} "
    "laughed. \"[You are a clever {kind}|I did not think you could do it], {hero}. Here is the "
    "{thing}.\" "
    "And so {he} got {a thing} for {a ware1}.",
    "[{hero} showed the {thing} to {friend}. \"I got it with the help of {a ware1},\" {he} said. "
    "\"And with "
    "my help,\" said {friend}. They both laughed.|That night {hero} put the {thing} next to {his} "
    "bed and "
    "thought about everyone who had helped {him}.]",
};

constexpr std::string_view kSoup[] = {
    "It was [a long winter|a cold and snowy week], and nobody in the village had much to eat. "
    "{hero} had only "
    "{a food1}, and {a food1} is not a dinner. {He} [sighed|looked out of the window]. Then {he} "
    "saw {friend} "
    "in the street, with a bag.",
    "\"What do you have in your bag, {friend}?\" called {hero}. \"Only {a food2},\" said {friend}, "
    "\"and {a "
    "food2} is not a dinner.\" {hero} thought for a moment. \"I have {a food1} and you have {a "
    "food2},\" {he} "
    "said. \"[That is nearly a soup|That is how a soup begins]! Come in!\"",
    "They put the {food1} and the {food2} into {hero}'s [biggest|oldest] pot and made a fire. "
    "[Soon the whole "
    "street could smell it.|The smell went out of the window.] {Helper} knocked on the door. "
    "\"What smells so "
    "good?\" {hhe} asked. \"A soup of {food1} and {food2},\" said {hero}. \"It only needs {a "
    "food3}.\" \"[I "
    "have {a food3} at home|I think I have {a food3}]!\" said {helper}, and ran to get it.",
    "So the {food3} went into the pot, next to the {food1} and the {food2}. Then came others, with "
    "salt, with "
    "bread, with [a piece of cheese|a handful of herbs]. [Nobody had much, but everybody had "
    "something.|Everybody had thought that it was too little.]",
    "In the evening they all sat around {hero}'s table. \"[This is the best soup of my life|I have "
    "never had "
    "such a good soup],\" said {helper}. \"How did you make it, {hero}?\" {hero} [smiled|looked at "
    "{friend} and "
    "laughed]. \"It began with {a food1},\" {he} said.",
};

constexpr std::string_view kRace[] = {
    "Every [spring|summer|autumn] there was a race from {place} to the [town hall|school|ferry]. "
    "{friend} was "
    "the fastest of all. {hero} was not fast. \"[Why do you want to run|Why do you even try]?\" "
    "asked the "
    "others. \"[I like to run|I want to know how far I can get],\" said {hero}.",
    "{Helper} lifted {a color} flag. \"One, two, three!\" {hhe} called, and they all ran. {friend} "
    "ran in front "
    "of everybody. {hero} was [the last one|far behind]. {He} [breathed hard|had a stone in {his} "
    "shoe], but "
    "{he} did not stop.",
    "Then {hero} heard somebody call. It was {friend}, who sat {spot1} and held {fhis} foot. \"I "
    "[fell|slipped],\" said {friend}. \"[It hurts|I can't walk]. [Run on, {hero}, or you will "
    "lose!|Go on "
    "without me!]\" {hero} looked at the road. {He} could still pass a few of the others.",
    "But {hero} [shook {his} head|did not think long]. \"[A race is only a race|There is a race "
    "every year],\" "
    "{he} said. \"Put your arm around me.\" And so they went on together, step by step. All the "
    "others ran past "
    "them.",
    "When {hero} and {friend} came in at last, everybody [clapped|cheered]. {Helper} gave {hero} "
    "the {color} "
    "flag. \"But I was the last one!\" said {hero}. \"[The last one to give up|The first one to "
    "stop for a "
    "friend],\" said {helper}. {hero} still has the flag, and {friend} still has [a good "
    "friend|the best friend "
    "in the world].",
};

constexpr std::string_view kFog[] = {
    "{hero} and {friend} had spent the whole day [near|not far from] {place}. They did not see the "
    "fog until it "
    "was all around them. It was so thick that {hero} could not see {his} own feet. \"{friend}, "
    "where are you?\" "
    "called {hero}. \"I am here,\" said {friend}. \"Take my hand.\"",
    "\"Which way is home?\" asked {friend}. \"[I think it is this way|This way],\" said {hero}. "
    "They walked and "
    "walked. Then {hero} stopped. \"We were here before,\" {he} said. \"This is the same "
    "[tree|stone|fence]. "
    "[We are walking in a circle.|We are lost.]\" {friend} began to cry.",
    "\"Listen,\" said {hero}. \"When we can't see, we must listen.\" They stood very still. Far "
    "away they heard "
    "a bell: [ding, dong|dong, dong, dong]. \"That is the bell of the [school|church|town hall]!\" "
    "said "
    "{friend}. \"If we walk to the bell, we will come home.\"",
    "So they walked, and when the bell was quiet, they stood still. When it rang again, they "
    "walked on. It got "
    "louder and louder. [Once {friend} almost fell, but {hero} held {fhim} tight.|{hero} counted "
    "the steps.] And "
    "then there was a light, and next to the light stood {helper}.",
    "\"There you are, {hero} and {friend}!\" said {helper}. \"I thought that you might be out "
    "there, so I rang "
    "the bell.\" \"[You brought us home|Thank you],\" said {hero}. \"[Next time we will look at "
    "the sky|Next time "
    "we will go home earlier],\" said {friend}. They [drank hot milk|sat by the fire] until they "
    "were warm again.",
};

constexpr std::string_view kTruth[] = {
    "{hero} was playing in the house with {a thing}. \"[Be careful|Do not run in the house],\" "
    "{his} mother "
    "had said. But {hero} forgot it. There was a loud noise, and {his} mother's favorite "
    "[cup|vase|plate] "
    "lay broken on the floor.",
    "{hero} was scared. {He} picked up the pieces and hid them {hiding}. \"[Nobody will know|No "
    "one has to "
    "know],\" {he} said to {himself}. At dinner {his} mother asked, \"What did you do today, "
    "{hero}?\" "
    "\"Nothing,\" said {hero}. But {he} could not eat.",
    "The next day {he} told {friend}. \"I broke something, and now [my stomach hurts|I can't "
    "sleep],\" said "
    "{hero}. \"[That is because of the secret|A secret like that is heavy],\" said {friend}. "
    "\"[Tell her the "
    "truth|You must tell her]. I will come with you, if you like.\"",
    "So {hero} took all the pieces and went to {his} mother. \"I broke it,\" {he} said. \"I was "
    "playing with "
    "the {bare}. I am sorry that I hid it.\" {His} mother [was quiet for a while|looked at the "
    "pieces]. "
    "\"[I am a little sad about it|It was an old one],\" she said, \"but I am glad that you told "
    "me the "
    "truth.\"",
    "They sat down at the table with a pot of glue, and {friend} helped too. [In the end one could "
    "hardly "
    "see the cracks.|When it was dry, it looked funny, but it held together.] And {hero} [ate a "
    "big "
    "dinner|slept well again].",
};

constexpr std::string_view kSeed[] = {
    "{Helper} gave {hero} a [tiny|small] seed. \"[What is it|What will it be]?\" asked {hero}. "
    "\"[You will "
    "see|Wait and see],\" said {helper}. \"Put it into the ground, give it water, and wait.\" "
    "{hero} was good at [many things|running and climbing|counting and drawing], but {he} was not "
    "good at waiting.",
    "{He} put the seed into the ground [behind {his} house|under {his} window|next to {his} door] "
    "and gave it water. Then {he} waited. On "
    "the first "
    "day there was nothing to see. On the second day there was nothing to see. On the third day "
    "{hero} said "
    "to {friend}, \"I think the seed is [asleep|broken].\"",
    "\"[Maybe we should dig it up|Let us dig it up and look],\" said {hero}. \"No!\" said "
    "{friend}. \"It is "
    "working under the ground, where we can't see it. [Let us sing to it.\" So they sang to the "
    "seed|Let us tell it a story.\" So they told the seed a story] every day, and every day {hero} "
    "gave it water.",
    "Then, [one morning|after a week], there was a small green leaf. \"{friend}, come quickly!\" "
    "called "
    "{hero}. The next day there were two leaves, and then there were four. It grew and grew, and "
    "at last it "
    "was {a plant}, taller than {hero} and {friend} [together|put together].",
    "{hero} brought [a flower|a leaf|a seed] of it to {helper}. \"[Now I know what it is|Now I can "
    "wait],\" "
    "said {hero}. {Helper} [smiled|nodded]. \"Then here is another seed,\" {hhe} said, \"for "
    "{friend}.\"",
};

const StoryPlot kPlots[] = {
    {"lost", kLost},      {"stuck", kStuck}, {"fear", kFear}, {"sharing", kSharing},
    {"build", kBuilding}, {"stray", kStray}, {"gift", kGift}, {"trade", kTrade},
    {"soup", kSoup},      {"race", kRace},   {"fog", kFog},   {"truth", kTruth},
    {"seed", kSeed},
};

}   // namespace

std::span<const StoryPlot> story_plots() { return kPlots; }

}   // namespace glass
