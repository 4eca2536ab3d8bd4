// One story: who is in it, where it happens, what it is about, told by one of the plots.
#include "model/corpora/stories.h"

#include <array>
#include <span>
#include <utility>

#include "engine/base/text.h"
#include "model/corpora/corpora.h"
#include "model/corpora/writer.h"

namespace glass {
namespace {

// A place where a story happens, and five corners of it where something can be found.
struct StoryPlace {
  std::string_view name, there;   // "the park", "in the park"
  std::array<std::string_view, 5> spots;
};
const StoryPlace kPlaces[] = {
    {"the park",
     "in the park",
     {"under the old bench", "behind the slide", "next to the pond", "in the tall grass",
      "between the roses"}},
    {"the forest",
     "in the forest",
     {"behind a fallen log", "under the ferns", "next to the stream", "between the roots of a tree",
      "on a mossy stone"}},
    {"the beach",
     "on the beach",
     {"behind a big rock", "under an upturned boat", "near the water", "between the shells",
      "on top of a dune"}},
    {"the garden",
     "in the garden",
     {"behind the shed", "under the apple tree", "next to the well", "between the cabbages",
      "near the gate"}},
    {"the market",
     "at the market",
     {"behind a stall", "under a table", "next to the fountain", "between the baskets",
      "near the church"}},
    {"the meadow",
     "in the meadow",
     {"behind the fence", "under the oak", "next to the brook", "between the flowers",
      "on the little hill"}},
    {"the old mill",
     "at the old mill",
     {"behind the wheel", "under the stairs", "next to the door", "between the sacks",
      "near the bridge"}},
    {"the harbor",
     "at the harbor",
     {"behind the barrels", "under a net", "next to the lighthouse", "between the ropes",
      "at the end of the pier"}},
};

enum class Sex { she, he };

constexpr std::string_view kNames[2][20] = {
    {"Ada",  "Mina", "Rosa",  "Elsie", "Nora",  "Suri",  "Tilda", "Yuki",  "Zara", "Hana",
     "Ines", "Maya", "Freya", "Leila", "Olive", "Wanda", "Betty", "Carla", "Dina", "Kaya"},
    {"Otto", "Finn", "Ravi",  "Leo",   "Hugo", "Sami",  "Theo",  "Kofi",  "Jonas", "Emil",
     "Ben",  "Niko", "Oscar", "Pablo", "Arlo", "Tariq", "Anton", "Malik", "Paul",  "Ville"}};
constexpr std::string_view kAnimals[] = {"fox",    "rabbit",   "bear",     "mouse",  "otter",
                                         "badger", "squirrel", "hedgehog", "beaver", "goat"};
// he or she, him or her, his or her, himself or herself
constexpr std::string_view kPronouns[2][4] = {{"she", "her", "her", "herself"},
                                              {"he", "him", "his", "himself"}};

constexpr std::string_view kColors[] = {"red",    "blue",   "green", "yellow",
                                        "orange", "purple", "white", "silver"};
constexpr std::string_view kThings[] = {"kite", "ball",  "hat", "drum",    "wagon", "whistle",
                                        "boat", "scarf", "box", "balloon", "bell",  "umbrella"};
constexpr std::string_view kThrown[] = {"kite", "ball", "hat", "balloon", "scarf"};
constexpr std::string_view kFears[] = {"the dark",        "thunder",     "deep water",
                                       "the big dog",     "high places", "the old bridge",
                                       "the howling wind"};
constexpr std::pair<std::string_view, std::string_view> kProjects[] = {
    {"tree house", "boards and nails"}, {"bird house", "twigs and moss"},
    {"raft", "logs and rope"},          {"castle", "stones and clay"},
    {"windmill", "sticks and paper"},   {"bridge", "planks and rope"}};
constexpr std::pair<std::string_view, std::string_view> kBabies[] = {
    {"kitten", "cat"}, {"puppy", "dog"}, {"lamb", "sheep"}, {"fawn", "deer"}, {"duckling", "duck"}};
constexpr std::string_view kGifts[] = {"card with stars on it", "necklace of shells",
                                       "paper crown",           "wooden spoon with a face",
                                       "picture of a ship",     "basket of straw"};
constexpr std::string_view kWares[] = {"feather",        "jar of honey", "smooth stone",
                                       "loaf of bread",  "candle",       "ball of wool",
                                       "basket of eggs", "wooden flute", "apple pie",
                                       "old map",        "brass key",    "pair of socks"};
constexpr std::string_view kFoods[] = {"carrot",  "potato",   "turnip", "leek",   "cabbage", "beet",
                                       "pumpkin", "mushroom", "onion",  "tomato", "parsnip"};
constexpr std::string_view kHidings[] = {"under {his} bed", "behind the curtain",
                                         "in the old chest", "at the bottom of a basket"};
constexpr std::string_view kPlants[] = {"sunflower", "bean plant",  "pumpkin vine",
                                        "rose bush", "cherry tree", "corn plant"};
constexpr std::string_view kWorkers[] = {"baker",  "gardener", "fisher",  "clockmaker",
                                         "weaver", "postman",  "teacher", "carpenter"};
constexpr std::string_view kTraits[] = {"curious", "clever", "cheerful", "kind", "lively", "quiet"};
constexpr std::string_view kMoods[] = {"happy", "cheerful", "playful", "merry"};

// Tells the writer about somebody: "f" gives {fhe}, {fhim}, {fhis}, {fhimself}.
void introduce(Writer& writer, const std::string& prefix, Sex sex) {
  const auto& pronouns = kPronouns[static_cast<int>(sex)];
  const char* const words[] = {"he", "him", "his", "himself"};
  for (std::size_t i = 0; i < 4; ++i) writer.say(prefix + words[i], pronouns[i]);
}

std::string kind_of(Dice& dice, Sex sex) {
  if (dice.chance(0.5)) return sex == Sex::she ? "girl" : "boy";
  return "young " + std::string(dice.one_of(kAnimals));
}

void choose_people(Writer& writer, Dice& dice) {
  const auto any = [&] { return dice.chance(0.5) ? Sex::she : Sex::he; };
  const Sex hero = any(), friend_ = any(), helper = any();
  introduce(writer, "", hero);
  introduce(writer, "f", friend_);
  introduce(writer, "h", helper);
  const std::string_view name = dice.one_of(kNames[static_cast<int>(hero)]);
  std::string_view other = name;
  while (other == name) other = dice.one_of(kNames[static_cast<int>(friend_)]);
  writer.say("hero", name);
  writer.say("friend", other);
  writer.say("kind", kind_of(dice, hero));
  writer.say("fkind", kind_of(dice, friend_));
  writer.say("helperkind", "old " + std::string(dice.one_of(kWorkers)));
  writer.say("helper", "the {helperkind}");
}

// Three different ones of a list: a walk around it that ends before it has come around.
void choose_three(Writer& writer, Dice& dice, const std::string& word,
                  std::span<const std::string_view> list) {
  const std::size_t first = dice.below(list.size());
  const std::size_t stride = 1 + dice.below((list.size() - 1) / 2);
  for (std::size_t i = 0; i < 3; ++i)
    writer.say(word + std::to_string(i + 1), list[(first + i * stride) % list.size()]);
}

void choose_place(Writer& writer, Dice& dice) {
  const StoryPlace& place = dice.one_of(kPlaces);
  writer.say("place", place.name);
  writer.say("there", place.there);
  choose_three(writer, dice, "spot", place.spots);
}

void choose_things(Writer& writer, Dice& dice, const StoryPlot& plot) {
  writer.say("color", dice.one_of(kColors));
  writer.say("bare", plot.name == "stuck" ? dice.one_of(kThrown) : dice.one_of(kThings));
  writer.say("thing", "{color} {bare}");
  writer.say("trait", dice.one_of(kTraits));
  writer.say("mood", dice.one_of(kMoods));
  writer.say("fear", dice.one_of(kFears));
  writer.say("gift", dice.one_of(kGifts));
  writer.say("hiding", dice.one_of(kHidings));
  writer.say("plant", dice.one_of(kPlants));
  const auto& [project, material] = dice.one_of(kProjects);
  writer.say("project", project);
  writer.say("material", material);
  const auto& [baby, animal] = dice.one_of(kBabies);
  writer.say("baby", baby);
  writer.say("animal", animal);
  choose_three(writer, dice, "ware", kWares);
  choose_three(writer, dice, "food", kFoods);
}

constexpr std::string_view kOpenings[] = {
    "Once upon a time there was {a kind} named {hero}.",
    "There once was {a kind} whose name was {hero}.",
    "{hero} was {a trait} {kind} who lived near {place}.",
    "In a [small house|little house|quiet village] near {place} lived {a kind}. {His} name was "
    "{hero}.",
    "Long ago, in a [small|quiet|green] village, there lived {a kind} called {hero}.",
};

}   // namespace

std::string story(std::uint64_t seed, std::int64_t number) {
  Dice dice(seed, "stories", number);
  Writer writer(dice);
  const StoryPlot& plot = dice.one_of(story_plots());
  choose_people(writer, dice);
  choose_place(writer, dice);
  choose_things(writer, dice, plot);
  std::string text = writer.write(dice.one_of(kOpenings)) + " ";
  for (std::size_t i = 0; i < plot.paragraphs.size(); ++i)
    text += (i > 0 ? "\n" : "") + writer.write(plot.paragraphs[i]);
  return text;
}

}   // namespace glass
