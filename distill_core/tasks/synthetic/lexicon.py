"""The words of the built-in reviews: twelve domains, what is talked about in each, and what may be said of it.

Lists run from common to rare: a word's place is its rank, and the grammar draws by rank. The same word may praise one
thing and damn another (a cold beer, a cold soup), so polarity belongs to a group of nouns, never to a word.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Nouns of which the same things can be said. Phrases are `verb>past tense of the verb` followed by the rest."""

    one: str = ""
    many: str = ""
    good: str = ""
    bad: str = ""
    good_deeds: str = ""
    bad_deeds: str = ""
    degrees: str = ""
    anyhow: bool = True  # whether the words for anything, GOOD and BAD, fit these nouns as well


@dataclass(frozen=True)
class Domain:
    """A kind of thing reviewed. `lasting` things may be reviewed in the present tense."""

    groups: tuple[Group, ...]
    openers: str
    lasting: bool = False


# What can be said of anything.
GOOD = """good great excellent lovely wonderful brilliant superb fantastic perfect impressive delightful
    terrific outstanding amazing marvellous splendid exceptional remarkable fine fabulous magnificent memorable
    enjoyable satisfying pleasing flawless faultless glorious stunning sublime exquisite spectacular tremendous
    sensational phenomenal unforgettable stellar worthwhile admirable commendable exemplary appealing inspired
    masterly impeccable superlative unbeatable unrivalled dazzling sterling matchless peerless unsurpassed
    incomparable stupendous praiseworthy laudable irreproachable gratifying noteworthy meritorious estimable
    unimpeachable grand smashing cracking topnotch"""
BAD = """bad poor terrible awful disappointing dreadful horrible mediocre unacceptable lousy dismal appalling
    pathetic dire abysmal atrocious woeful forgettable underwhelming inadequate hopeless unimpressive ghastly
    miserable rotten shocking laughable disgraceful lacklustre substandard nasty unpleasant horrendous shambolic
    wretched lamentable deplorable pitiful inferior inexcusable flawed amateurish uninspired unsatisfactory
    shameful horrid frightful unbearable intolerable insufferable unforgivable disastrous catastrophic
    calamitous grim naff crummy ropey rubbish subpar deficient risible execrable egregious diabolical
    objectionable disagreeable contemptible reprehensible regrettable vile foul hideous beastly abominable
    odious cruddy grotty tawdry unspeakable cringeworthy parlous unpardonable indefensible dispiriting
    disheartening"""

GOOD_NOUNS = """treat delight joy gem triumph pleasure bargain success winner masterpiece find revelation hit
    marvel treasure wonder jewel godsend tonic stunner corker cracker belter blast feast knockout sensation
    humdinger doozy"""
BAD_NOUNS = """disappointment mess waste disaster letdown failure nightmare shambles chore flop ordeal disgrace
    farce dud fiasco insult swindle washout travesty debacle catastrophe botch lemon stinker clunker trial slog
    calamity blunder fraud bore"""

GOOD_VERDICTS = """recommended; worth every penny; I would do it all again tomorrow; five stars from me; we are
    already planning to return; I have told all my friends to go and see for themselves; I would not change a
    thing; I cannot recommend it highly enough; I regret nothing; it made my week; this is how it should be
    done; I am so glad I ignored the sceptics; others should take note; I came away smiling; it earned every bit
    of its reputation; my only regret is not coming sooner; it left me wanting more; I did not want it to end; I
    am converted; I would queue for it in the rain"""
BAD_VERDICTS = """not recommended; a waste of money; I would not do it again; one star is one too many; we will
    not be returning; I have told all my friends to stay away; I would change almost everything; I cannot
    recommend it; I regret every penny; it ruined my week; this is how not to do it; I should have listened to
    the sceptics; others should take this as a warning; I came away cross; it does not deserve its reputation;
    my only regret is coming at all; it left me wanting my money back; I could not wait for it to end; I remain
    unconvinced; spend your money elsewhere; never again; give it a miss; steer clear"""

# Who comes along, who has an opinion, and when it was.
PEOPLE = """my sister; a friend; my brother; my partner; a colleague; my mother; my father; a cousin; our son;
    our daughter; my flatmate; my boss; my aunt; an old schoolfriend; my uncle; my grandmother; my niece; a
    neighbour"""
VOICES = (
    PEOPLE
    + """; the guidebook; a critic; the local paper; one review; the magazines; a stranger online;
    everyone I asked; the woman next to me; the blurb"""
)
WHEN = """last week; yesterday; on Saturday; in March; last month; on Friday night; over the holidays; on a wet
    Tuesday; in the summer; two weeks ago; at half term; on Sunday; in October; the other day; on a bank
    holiday; just before Christmas"""

DOMAINS = {
    "restaurant": Domain(
        openers="""we came here {when} with {who}; we booked a table for four; {who} chose the place; we sat by
            the window; this was our second visit; we had the set menu; we walked in without a booking; we
            ordered three courses; we ate here {when}; the place is two streets from the station; we stopped for
            lunch on the way to the coast; it was {who}'s birthday""",
        groups=(
            Group(
                one="soup curry stew risotto sauce chowder broth gravy goulash bisque gumbo ragout",
                many="noodles lentils dumplings",
                good="""delicious tasty hot warming hearty creamy rich fragrant comforting spicy velvety
                      aromatic flavoursome silky homely piquant nourishing peppery soulful moreish restorative
                      toothsome unctuous""",
                bad="""cold bland watery salty tasteless lukewarm thin greasy lumpy oily tepid gloopy insipid
                      flavourless stodgy gritty acrid curdled scummy congealed tinny floury brackish claggy
                      slimy""",
                good_deeds="""warm>warmed us right through; taste>tasted of summer; make>made us ask for the
                      recipe; win>won over the whole table; bring>brought back my grandmother's kitchen;
                      sing>sang with herbs""",
                bad_deeds="""taste>tasted of dishwater; come>came straight from a tin; go>went back to the
                      kitchen; leave>left a film of grease; upset>upset my stomach; smell>smelled of drains""",
                degrees="spicy sweet thick hot sour peppery garlicky",
            ),
            Group(
                one="steak chicken lamb salmon duck pork beef trout brisket venison halibut mackerel gammon quail",
                many="ribs prawns sausages scallops mussels meatballs kebabs",
                good="""tender juicy delicious succulent crisp smoky fresh moist tasty pink buttery flaky
                      seared caramelised charred meaty savoury lean zesty rosy plump herby""",
                bad="""tough dry overcooked burnt rubbery raw chewy stringy undercooked gristly fatty leathery
                      cold greasy stale soggy charmless rancid mushy sinewy desiccated shrivelled fishy putrid
                      grizzled""",
                good_deeds="""melt>melted in the mouth; fall>fell off the bone; disappear>disappeared in
                      seconds; justify>justified the journey; taste>tasted of the grill; come>came exactly as
                      ordered""",
                bad_deeds="""need>needed a saw; bounce>bounced off the knife; put>put me off dinner; make>made
                      two of us ill; stick>stuck to the plate; taste>tasted of the freezer""",
                degrees="salty pink rich spicy smoky",
            ),
            Group(
                one="cake tart pudding pastry cheesecake crumble bread trifle sponge shortbread meringue pavlova",
                many="pancakes scones croissants brownies eclairs waffles biscuits",
                good="""light delicious fluffy buttery moist sweet warm crisp gooey sticky crumbly indulgent
                      golden airy fresh zingy luscious lemony nutty flaky decadent pillowy springy""",
                bad="""dry stale heavy soggy hard sickly burnt crumbling doughy cloying dense frozen tasteless
                      mouldy leaden stodgy rubbery synthetic brittle sour oversweet gluey""",
                good_deeds="""melt>melted on the tongue; disappear>disappeared in seconds; round>rounded off
                      the evening; tempt>tempted me to a second helping; rival>rivalled my mother's""",
                bad_deeds="""stick>stuck to the roof of my mouth; taste>tasted of cardboard; come>came out of
                      a packet; sit>sat in my stomach like a stone; go>went straight to the bin""",
                degrees="sweet rich sticky dense lemony",
            ),
            Group(
                one="beer wine lemonade cider lager ale water champagne perry spritzer",
                many="cocktails",
                good="""cold refreshing crisp chilled smooth fruity dry mellow bubbly fizzy fragrant bright
                      quenching floral rounded frosty full zippy elegant""",
                bad="""warm flat watery sour tepid cloudy stale bitter acidic vinegary corked sickly harsh
                      musty sugary metallic syrupy soapy rank""",
                good_deeds="""slip>slipped down easily; match>matched the food; lift>lifted the meal;
                      quench>quenched a real thirst""",
                bad_deeds="""give>gave me a headache; taste>tasted of soap; burn>burned the throat; lose>lost
                      its fizz at once""",
                degrees="sweet strong dry fizzy sharp",
            ),
            Group(
                one="waiter waitress owner manager sommelier hostess chef bartender",
                many="staff waiters",
                good="""friendly attentive helpful polite charming welcoming kind cheerful patient courteous
                      warm gracious efficient thoughtful knowledgeable discreet unhurried genial obliging
                      personable cordial solicitous convivial affable chipper""",
                bad="""rude slow unhelpful surly careless inattentive impatient arrogant cold grumpy
                      dismissive unfriendly pushy clueless brusque snooty condescending curt sullen offhand
                      lethargic stroppy supercilious officious gruff boorish""",
                good_deeds="""remember>remembered our names; find>found us a quiet corner; make>made us feel
                      at home; take>took care of everything; explain>explained every dish; put>put our minds at
                      rest""",
                bad_deeds="""forget>forgot our order; roll>rolled his eyes; ignore>ignored us for an hour;
                      argue>argued over the bill; spill>spilled wine on my coat; lose>lost our booking""",
                degrees="chatty formal talkative eager",
            ),
            Group(
                one="bill",
                many="prices portions",
                good="fair reasonable generous modest decent sensible honest welcome realistic equitable palatable",
                bad="""outrageous ridiculous stingy steep mean inflated absurd measly extortionate exorbitant
                      scandalous meagre niggardly usurious derisory""",
                good_deeds="""surprise>surprised us pleasantly; suit>suited every purse; put>put other places
                      to shame""",
                bad_deeds="""spoil>spoiled the evening; take>took our breath away for the wrong reasons;
                      make>made us wince""",
            ),
        ),
    ),
    "film": Domain(
        openers="""we saw it {when} at the Odeon; I watched this {when} with {who}; it runs for two hours; {who}
            lent me the disc; the cinema was half full; it opens in a harbour town; the film is set in Lisbon; I
            streamed it {when}; it is based on a true story; this is the director's third film; we went to the
            late showing""",
        groups=(
            Group(
                one="plot story script premise storyline ending twist screenplay finale denouement prologue",
                many="twists subplots",
                good="""clever gripping original unpredictable tense moving intriguing tight thrilling
                      ingenious inventive poignant suspenseful layered witty surprising absorbing plausible taut
                      riveting audacious cunning labyrinthine propulsive serpentine watertight heartrending""",
                bad="""predictable thin confusing silly dull slow weak contrived simple boring cliched tedious
                      implausible muddled stale formulaic derivative farfetched incoherent hackneyed convoluted
                      trite preposterous threadbare pedestrian mawkish turgid nonsensical inane""",
                good_deeds="""keep>kept us guessing; hold>held me to the last minute; make>made me think;
                      bring>brought a lump to my throat; stay>stayed with me for days; earn>earned its tears;
                      grip>gripped from the first scene""",
                bad_deeds="""fall>fell apart; wander>wandered off course; send>sent me to sleep;
                      insult>insulted my intelligence; strain>strained belief; lose>lost me halfway;
                      collapse>collapsed under its own weight""",
                degrees="long dark fast sentimental complicated violent",
            ),
            Group(
                one="acting cast lead heroine villain hero performance narrator ensemble sidekick",
                many="actors performances",
                good="""convincing believable charismatic raw powerful subtle magnetic funny restrained
                      touching natural nuanced compelling spirited understated vulnerable mesmerising fearless
                      luminous steely sympathetic electrifying haunting virtuosic effortless""",
                bad="""wooden unconvincing flat bland hammy stiff annoying lifeless awkward forced irritating
                      miscast shrill hollow mannered charmless insincere overwrought stilted robotic vapid
                      bloodless grating histrionic simpering""",
                good_deeds="""steal>stole every scene; carry>carried the picture; move>moved the audience to
                      tears; light>lit up the screen; break>broke my heart; deserve>deserved an award""",
                bad_deeds="""grate>grated on my nerves; sleepwalk>sleepwalked through it; drag>dragged the
                      film down; mumble>mumbled the lines; look>looked lost; leave>left me cold""",
                degrees="earnest loud theatrical serious",
            ),
            Group(
                one="humour dialogue banter comedy satire wit",
                many="jokes gags lines puns quips",
                good="""funny dry sharp dark hilarious witty quick sly wry clever biting razor wicked
                      irreverent acerbic deadpan playful crackling mordant mischievous whimsical uproarious
                      sidesplitting droll sardonic impish puckish""",
                bad="""unfunny crude lame childish flat tired obvious juvenile forced corny laboured stale
                      tasteless puerile cheesy smutty limp groanworthy feeble infantile leering wearisome
                      sophomoric witless mirthless jejune""",
                good_deeds="""have>had us in stitches; land>landed every time; make>made the whole row laugh;
                      lift>lifted the gloom""",
                bad_deeds="fall>fell flat; make>made me cringe; outstay>outstayed its welcome; die>died on the lips",
                degrees="crude silly dark broad",
            ),
            Group(
                one="""photography camerawork soundtrack score editing scenery lighting choreography animation
                      production""",
                many="costumes visuals sets effects",
                good="""beautiful stunning lush gorgeous atmospheric sumptuous striking elegant vivid eerie
                      bold imaginative lavish evocative hypnotic moody luxuriant painterly ravishing opulent
                      immersive dreamlike pulsating kaleidoscopic ethereal""",
                bad="""ugly cheap clumsy murky garish distracting shaky dated choppy jarring drab fake
                      intrusive flimsy overblown nauseating tacky gaudy slapdash gimmicky sloppy cacophonous
                      cluttered bombastic shoddy""",
                good_deeds="""take>took my breath away; set>set the mood perfectly; deserve>deserved the big
                      screen; bring>brought the period to life""",
                bad_deeds="""give>gave me a headache; drown>drowned the quiet scenes; spoil>spoiled the mood;
                      look>looked like a school play""",
                degrees="bright busy dark bold",
            ),
        ),
    ),
    "phone": Domain(
        lasting=True,
        openers="""I bought this {when}; it replaced my old one; {who} has the same model; I have used it for a
            month; I ordered the blue one; it came with a charger; I got it on contract; I use it mostly for
            work; I moved over from another brand; it arrived {when}""",
        groups=(
            Group(
                one="screen display camera picture panel lens",
                many="photos colours videos",
                good="""sharp bright clear crisp vivid detailed gorgeous smooth responsive accurate lifelike
                      large rich immersive punchy dazzling vibrant natural luminous legible readable pristine""",
                bad="""blurry dim grainy dull fuzzy scratched cracked washed flickering dark laggy smeary
                      pixelated yellowish noisy unreadable reflective distorted streaky greenish smudgy patchy
                      bleached mottled""",
                good_deeds="""shine>shone even in sunlight; put>put my old one to shame; capture>captured
                      every detail; work>worked well at night""",
                bad_deeds="""crack>cracked within a week; freeze>froze twice a day; wash>washed out in
                      sunlight; pick>picked up greasy fingerprints; stop>stopped working in a month""",
                degrees="bright big glossy small sensitive",
            ),
            Group(
                one="battery",
                good="""durable reliable dependable efficient quick tireless sturdy inexhaustible enduring
                      steadfast untiring robust fast lasting""",
                bad="""unreliable hot faulty swollen defective weak short temperamental dangerous flimsy
                      useless overheating fickle knackered leaky""",
                good_deeds="""last>lasted all weekend; charge>charged in half an hour; see>saw me through a
                      long flight; hold>held up after a year; outlast>outlasted my laptop""",
                bad_deeds="""die>died by lunchtime; overheat>overheated in my pocket; drain>drained overnight;
                      give>gave up after a month; let>let me down when it mattered; swell>swelled up""",
            ),
            Group(
                one="case body design casing keyboard handset chassis",
                many="buttons edges hinges",
                good="""sturdy slim elegant light solid thin sleek compact tough smart stylish tactile
                      waterproof robust ergonomic rugged comfortable minimalist shapely handsome streamlined
                      rigid weighty featherlight scratchproof""",
                bad="""flimsy bulky cheap heavy slippery ugly fragile clunky thick plasticky creaky wobbly
                      loose sharp chunky clumsy fiddly unwieldy brittle tinny ungainly cumbersome rattly
                      gimcrack""",
                good_deeds="""survive>survived a drop on concrete; fit>fitted my hand perfectly;
                      shrug>shrugged off the rain; turn>turned heads""",
                bad_deeds="""chip>chipped on day one; slip>slipped out of my hand; snap>snapped in my pocket;
                      come>came loose; rattle>rattled from the start""",
                degrees="heavy slim wide stiff thick",
            ),
            Group(
                one="software menu interface setup app assistant firmware installer",
                many="updates settings notifications menus",
                good="""simple intuitive fast smooth easy clear quick painless stable tidy snappy uncluttered
                      logical seamless polished straightforward effortless responsive nimble configurable
                      frictionless unobtrusive foolproof""",
                bad="""slow confusing buggy clumsy cluttered unstable sluggish complicated glitchy intrusive
                      annoying laggy bloated baffling cryptic erratic unintuitive broken opaque nagging
                      bewildering impenetrable crashy arcane byzantine""",
                good_deeds="""save>saved me hours; work>worked straight away; do>did just what I asked;
                      keep>kept out of my way; run>ran without a hitch""",
                bad_deeds="""crash>crashed on day one; lose>lost all my contacts; fill>filled the screen with
                      adverts; break>broke after the update; drive>drove me mad""",
                degrees="simple clever complex basic",
            ),
            Group(
                one="sound speaker microphone volume ringtone",
                many="speakers earphones headphones",
                good="""loud clear full rich crisp balanced warm deep powerful clean spacious booming punchy
                      resonant undistorted sonorous faithful""",
                bad="""quiet tinny muffled crackly distorted hollow weak buzzing shrill muddy faint scratchy
                      hissing inaudible boomy feeble fuzzy reedy""",
                good_deeds="fill>filled the room; bring>brought old albums to life; cut>cut out the street",
                bad_deeds="""crackle>crackled on every call; hurt>hurt my ears; die>died on one side;
                      buzz>buzzed all day""",
                degrees="loud bassy bright soft",
            ),
        ),
    ),
    "hotel": Domain(
        openers="""we stayed three nights; {who} booked it for us; we checked in {when}; our room was on the
            fourth floor; we arrived by car; it is ten minutes from the beach; we came for a wedding; I was here
            for a conference; we had a room at the back; the hotel has sixty rooms; we stayed here {when}""",
        groups=(
            Group(
                one="room suite bathroom lobby lounge bedroom balcony foyer conservatory annexe",
                many="rooms corridors",
                good="""clean spacious comfortable bright quiet cosy airy large spotless light warm tidy sunny
                      elegant huge roomy stylish tasteful immaculate homely fresh generous inviting peaceful
                      sumptuous palatial gleaming uncluttered plush soundproof""",
                bad="""dirty small noisy dark cramped shabby damp cold stuffy smelly tiny filthy dingy musty
                      gloomy tired dusty grubby mouldy draughty airless poky stained dilapidated squalid
                      cheerless windowless claustrophobic dank fusty""",
                good_deeds="""look>looked out over the bay; feel>felt like home; make>made us want to stay
                      longer; smell>smelled of lavender; get>got the morning sun""",
                bad_deeds="""smell>smelled of smoke; face>faced the bins; leak>leaked in the rain; shake>shook
                      with every lorry; need>needed a good scrub; remind>reminded me of a cell""",
                degrees="warm large bright formal quiet",
            ),
            Group(
                one="bed mattress duvet sofa armchair bedding",
                many="pillows towels sheets blankets cushions",
                good="""comfortable soft clean fluffy firm cosy fresh warm crisp supportive thick plump snug
                      silky downy luxurious laundered springy cushiony snowy""",
                bad="""hard lumpy dirty scratchy stained thin sagging uncomfortable saggy damp torn threadbare
                      itchy creaky frayed flat clammy musty holey""",
                good_deeds="""give>gave me the best sleep in months; cure>cured my back; swallow>swallowed us
                      up in comfort""",
                bad_deeds="""ruin>ruined my back; keep>kept us awake; creak>creaked all night; smell>smelled
                      of somebody else""",
                degrees="soft firm warm thin",
            ),
            Group(
                one="receptionist porter concierge manager housekeeper owner",
                many="staff cleaners",
                good="""friendly helpful polite welcoming efficient cheerful kind patient courteous thoughtful
                      charming warm accommodating gracious hospitable tireless unfailing attentive obliging
                      neighbourly goodnatured unflappable amiable""",
                bad="""rude unhelpful slow surly indifferent cold incompetent impatient grumpy dismissive
                      unfriendly clueless careless haughty evasive lazy abrupt snappy uncooperative disorganised
                      churlish sniffy obstructive patronising""",
                good_deeds="""carry>carried our bags up; upgrade>upgraded us to a suite; sort>sorted
                      everything out; go>went out of the way to help; lend>lent us an umbrella""",
                bad_deeds="""lose>lost our booking; ignore>ignored our calls; charge>charged us twice;
                      shrug>shrugged at our complaint; walk>walked in without knocking; refuse>refused to help""",
            ),
            Group(
                one="view garden pool terrace beach spa courtyard rooftop sauna",
                many="grounds gardens",
                good="""beautiful peaceful stunning quiet lovely tranquil secluded relaxing gorgeous idyllic
                      sunny lush serene panoramic breathtaking shady romantic inviting scenic soothing leafy
                      unspoilt manicured restful verdant picturesque sylvan""",
                bad="""noisy crowded dirty ugly overgrown depressing murky neglected littered packed cold
                      bleak windswept weedy grimy scruffy derelict slimy boarded seedy unkempt desolate rowdy
                      fetid""",
                good_deeds="""make>made the holiday; soothe>soothed us after the drive; take>took our breath
                      away; beat>beat every photograph""",
                bad_deeds="""overlook>overlooked a car park; smell>smelled of chlorine; shut>shut before noon;
                      spoil>spoiled the stay""",
                degrees="sunny shady busy large",
            ),
            Group(
                one="breakfast buffet coffee porridge",
                many="eggs rolls",
                good="""hot fresh generous varied delicious plentiful hearty wholesome filling abundant lavish
                      tasty ample bountiful nourishing copious""",
                bad="""cold stale meagre greasy burnt bland skimpy soggy lukewarm repetitive limited congealed
                      leathery weak sparse uneatable""",
                good_deeds="set>set us up for the day; go>went on until eleven; please>pleased even the children",
                bad_deeds="""run>ran out by eight; go>went cold on the counter; taste>tasted of the tin;
                      turn>turned my stomach""",
                degrees="salty strong rich hot",
            ),
        ),
    ),
    "novel": Domain(
        openers="""I read it {when}; {who} gave it to me; it is set in Vienna in 1912; my reading group chose
            this; it is her fourth novel; I listened to the audio version; it has five hundred pages; I bought
            it at the airport; it is told in letters; the story spans three generations; I borrowed it from the
            library""",
        groups=(
            Group(
                one="plot story opening ending mystery pacing narrative epilogue climax chronicle",
                many="chapters twists",
                good="""gripping clever unpredictable moving original tense absorbing satisfying intricate
                      exciting beautiful suspenseful engrossing surprising enthralling rewarding heartbreaking
                      breathless unputdownable elegiac spellbinding twisty kaleidoscopic seamless multilayered""",
                bad="""slow predictable boring dull confusing rushed thin repetitive tedious muddled aimless
                      contrived implausible meandering flat plodding ponderous disjointed interminable
                      anticlimactic threadbare soporific rambling longwinded episodic""",
                good_deeds="""keep>kept me up past midnight; hook>hooked me at once; draw>drew me in;
                      stay>stayed with me for weeks; pull>pulled the threads together; reward>rewarded patience""",
                bad_deeds="""drag>dragged on and on; send>sent me to sleep; go>went in circles; fizzle>fizzled
                      out; lose>lost me by page fifty; leave>left too much unexplained""",
                degrees="long fast sad complicated dark",
            ),
            Group(
                one="prose style writing language translation voice imagery phrasing",
                many="sentences descriptions metaphors",
                good="""beautiful elegant rich lyrical clear spare vivid graceful precise poetic crisp fluent
                      luminous evocative limpid musical supple polished economical sinewy lapidary mellifluous
                      incandescent pellucid burnished""",
                bad="""clumsy overwritten flat wordy pretentious dry stilted lazy awkward laboured bloated
                      purple pompous ungrammatical leaden florid overwrought turgid cliched verbose impenetrable
                      breathy lumbering clunky sententious""",
                good_deeds="""carry>carried me along; sing>sang on every page; make>made me read lines aloud;
                      capture>captured the period""",
                bad_deeds="get>got in the way; tire>tired me out; need>needed an editor; make>made me wince",
                degrees="plain ornate formal flowery",
            ),
            Group(
                one="heroine hero narrator detective villain protagonist antihero",
                many="characters sisters",
                good="""believable complex sympathetic memorable vivid likeable rounded human lovable brave
                      funny convincing endearing plucky unforgettable relatable multifaceted indomitable quirky
                      resourceful tender feisty""",
                bad="""flat unlikeable unconvincing dull shallow stereotyped irritating wooden bland
                      forgettable whiny hollow selfish insipid lifeless interchangeable insufferable cardboard
                      tiresome unsympathetic selfpitying caricatured drippy""",
                good_deeds="""leap>leapt off the page; win>won my heart; grow>grew with every chapter;
                      feel>felt like old friends; make>made me laugh out loud""",
                bad_deeds="""get>got on my nerves; leave>left me cold; strain>strained belief; remain>remained
                      a stranger; talk>talked like a textbook""",
                degrees="perfect noble clever serious",
            ),
            Group(
                one="binding paper cover print edition typeface",
                many="illustrations maps pages",
                good="""beautiful handsome sturdy elegant crisp clear attractive durable charming sumptuous
                      legible collectable exquisite thick""",
                bad="""flimsy cheap smudged tiny ugly thin faded torn illegible blurred garish crooked
                      yellowed shoddy""",
                good_deeds="please>pleased the eye; last>lasted through three readers; suit>suited the story",
                bad_deeds="fall>fell apart in my hands; come>came unglued; strain>strained my eyes",
                degrees="thick large glossy bright",
            ),
        ),
    ),
    "train": Domain(
        openers="""I took the 8.15 to York; we travelled {when}; I make this trip every week; {who} came along;
            we changed at Crewe; it was the sleeper to Inverness; the journey took four hours; I booked in
            advance; we had seats in coach C; I was on my way to work; we went up for the day""",
        groups=(
            Group(
                one="train journey service connection ride crossing timetable express",
                many="trains connections",
                good="""punctual fast smooth comfortable quick reliable easy relaxing prompt direct quiet
                      pleasant scenic frequent effortless dependable seamless speedy timely uneventful leisurely
                      swift brisk""",
                bad="""late slow delayed bumpy cancelled crowded unreliable noisy tiring stressful chaotic
                      infrequent jerky long overcrowded exhausting sluggish interminable gruelling tortuous
                      unpunctual juddering nauseating rickety shuddering""",
                good_deeds="""arrive>arrived on the minute; fly>flew by; run>ran like clockwork; get>got us
                      there early; put>put the airlines to shame""",
                bad_deeds="""break>broke down twice; arrive>arrived an hour late; stop>stopped in a field for
                      an hour; make>made me miss my meeting; leave>left without us; crawl>crawled the whole way""",
            ),
            Group(
                one="carriage seat compartment berth legroom coach",
                many="seats tables berths",
                good="""clean comfortable spacious quiet warm roomy soft tidy airy bright cosy modern plush
                      spotless generous reclining padded ample gleaming commodious""",
                bad="""dirty cramped hard cold noisy broken tight stuffy sticky smelly filthy narrow
                      uncomfortable draughty overheated torn wobbly airless littered vandalised grimy stained
                      sweaty""",
                good_deeds="""let>let me work in peace; give>gave us room to stretch; put>put me to sleep like
                      a cradle""",
                bad_deeds="""smell>smelled of fish; hurt>hurt my back; stick>stuck to my coat; rattle>rattled
                      all the way""",
                degrees="warm wide upright firm bright",
            ),
            Group(
                one="conductor driver guard steward inspector",
                many="staff guards stewards",
                good="""friendly helpful polite cheerful clear patient courteous kind informative calm funny
                      reassuring jovial efficient considerate genial upbeat twinkly""",
                bad="""rude unhelpful surly confusing impatient grumpy abrupt inaudible arrogant officious
                      vague aggressive snide sour bullying truculent""",
                good_deeds="""help>helped with the pram; keep>kept us informed; make>made everyone smile;
                      hold>held the connection""",
                bad_deeds="""shout>shouted at a child; vanish>vanished when needed; fine>fined my grandmother;
                      leave>left us guessing""",
                degrees="loud strict chatty formal",
            ),
            Group(
                one="queue wait delay transfer stop",
                many="queues waits changes",
                good="""short quick brief painless orderly negligible small manageable trifling fleeting
                      minimal tolerable""",
                bad="""long endless slow chaotic unexplained huge pointless exasperating maddening needless
                      infuriating neverending stupefying interminable""",
                good_deeds="pass>passed quickly; move>moved along nicely",
                bad_deeds="eat>ate up the morning; try>tried everyone's patience; ruin>ruined our plans",
                anyhow=False,
            ),
        ),
    ),
    "coat": Domain(
        lasting=True,
        openers="""I bought it {when} in the sale; it was a present from {who}; I wear it for walking; I ordered
            a medium; I chose the green one; it came in the post {when}; I needed something for Norway; I have
            worn it all winter; I wanted it for cycling; {who} has one too""",
        groups=(
            Group(
                one="coat jacket fabric wool lining fleece hood parka anorak cardigan",
                many="sleeves cuffs gloves",
                good="""warm soft waterproof comfortable light cosy snug durable breathable windproof smooth
                      thick flattering lightweight stretchy toasty supple hardwearing silky insulated
                      featherlight downy weatherproof""",
                bad="""thin scratchy itchy heavy stiff flimsy cold baggy clammy sweaty shapeless uncomfortable
                      rough shoddy crinkly leaky frumpy threadbare unflattering static coarse""",
                good_deeds="""keep>kept me dry; stand>stood up to the wash; keep>kept out the wind; draw>drew
                      compliments; hold>held its shape""",
                bad_deeds="""let>let the rain in; shrink>shrank in the wash; lose>lost its shape; tear>tore on
                      the first walk; make>made me itch; fade>faded in a month""",
                degrees="heavy warm long stiff loose",
            ),
            Group(
                one="zip stitching hem seam drawstring velcro",
                many="buttons pockets seams buckles",
                good="""strong neat sturdy solid tidy deep secure smooth reliable robust handy precise
                      reinforced roomy immovable""",
                bad="""weak loose broken crooked fiddly flimsy shallow jammed stiff frayed useless uneven
                      puckered wonky unravelling snagging""",
                good_deeds="hold>held fast; survive>survived two winters; close>closed with one hand",
                bad_deeds="come>came undone; jam>jammed at once; fall>fell off; unravel>unravelled in a week",
                degrees="tight stiff deep wide",
            ),
            Group(
                one="cut fit colour style look pattern silhouette tailoring shade",
                many="colours",
                good="""flattering smart elegant stylish perfect rich classic lovely sharp timeless chic slim
                      striking becoming understated debonair modish jaunty sassy dapper""",
                bad="""unflattering dull boxy ugly drab garish dated tight shapeless dowdy frumpy gaudy sloppy
                      lurid clashing baggy washedout tacky matronly""",
                good_deeds="turn>turned heads; suit>suited me; take>took years off me; go>went with everything",
                bad_deeds="make>made me look twice my size; clash>clashed with everything; add>added ten years",
                degrees="bright loose tight bold short",
            ),
        ),
    ),
    "concert": Domain(
        openers="""we went {when} with {who}; it was at the town hall; we had seats in the balcony; I have seen
            them twice before; the tickets were a present from {who}; it was the last night of the tour; we
            stood near the front; the hall holds two thousand; they played for ninety minutes; it was part of
            the festival""",
        groups=(
            Group(
                one="""band singer orchestra pianist drummer choir violinist soloist quartet guitarist conductor
                      cellist""",
                many="musicians vocals",
                good="""tight energetic passionate confident joyful soulful polished electric powerful precise
                      exuberant spirited virtuosic charismatic assured ferocious lively expressive radiant
                      rousing impassioned mercurial incandescent barnstorming""",
                bad="""tired bored sloppy flat lifeless careless wooden tuneless nervous lazy drunk hesitant
                      shrill dreary ragged listless strident shaky plodding dispirited caterwauling perfunctory""",
                good_deeds="""raise>raised the roof; bring>brought the house down; play>played out of their
                      skins; give>gave it everything; have>had us on our feet; send>sent shivers down my spine""",
                bad_deeds="""forget>forgot the words; go>went through the motions; miss>missed half the notes;
                      turn>turned up an hour late; mumble>mumbled into the microphone; clear>cleared the hall""",
                degrees="loud fast serious earnest",
            ),
            Group(
                one="sound mix set encore playlist atmosphere setlist programme overture",
                many="songs arrangements harmonies",
                good="""electric varied uplifting rousing beautiful hypnotic infectious catchy moving
                      thrilling haunting joyous stirring fresh inventive euphoric melodious lilting anthemic
                      exhilarating sonorous""",
                bad="""muddy repetitive deafening monotonous dull short stale messy thin dreary predictable
                      lifeless distorted tedious discordant droning dirgelike murky plodding turgid""",
                good_deeds="""fill>filled the hall; give>gave me goosebumps; lift>lifted everyone; leave>left
                      us humming""",
                bad_deeds="hurt>hurt my ears; fall>fell flat; blur>blurred into one; empty>emptied the bar",
                degrees="loud long fast quiet",
            ),
            Group(
                one="venue hall bar crowd seating cloakroom entrance",
                many="seats toilets stewards",
                good="""friendly intimate comfortable welcoming clean atmospheric lively spacious charming
                      organised cheerful buzzing convivial""",
                bad="""cramped filthy rowdy overpriced stuffy hostile uncomfortable sticky shabby chaotic
                      aggressive airless disorganised sweltering""",
                good_deeds="add>added to the evening; make>made us welcome; suit>suited the music",
                bad_deeds="spoil>spoiled the night; keep>kept us waiting; block>blocked our view",
                degrees="warm busy dark large",
            ),
        ),
    ),
    "bicycle": Domain(
        lasting=True,
        openers="""I bought it {when}; I ride it to work; it came half assembled; {who} rides the same one; I
            have done six hundred miles on it; I had it serviced {when}; I got it second hand; we took it round
            Brittany; I wanted something for the hills; it replaced a bike I had for ten years""",
        groups=(
            Group(
                one="frame saddle fork handlebar bike rack stem suspension crankset",
                many="pedals wheels mudguards tyres",
                good="""light sturdy comfortable stiff solid strong smooth responsive tough robust durable
                      nimble supportive lightweight grippy rigid stable beefy bombproof cushioned springy lively""",
                bad="""heavy flimsy uncomfortable wobbly rusty creaky bent hard cracked loose weak harsh
                      brittle bulky crooked misaligned unstable twitchy warped rattling buckled corroded""",
                good_deeds="""take>took every pothole; hold>held up over winter; make>made hills easy;
                      soak>soaked up the bumps""",
                bad_deeds="""snap>snapped on a hill; rust>rusted in a month; come>came loose; hurt>hurt after
                      a mile; creak>creaked from day one""",
                degrees="heavy narrow stiff wide soft",
            ),
            Group(
                one="gearing derailleur chain steering motor dynamo",
                many="brakes gears shifters lights",
                good="""smooth quiet precise reliable powerful predictable crisp responsive bright quick
                      strong sure dependable accurate progressive seamless instant silent steady""",
                bad="""unpredictable noisy stiff weak clunky unreliable slow spongy dim rough dangerous
                      squeaky jumpy faulty vague sluggish grinding skittish feeble temperamental sticky rattly
                      jerky""",
                good_deeds="""work>worked in the wet; shift>shifted without a sound; save>saved my neck;
                      bite>bit when it mattered""",
                bad_deeds="""slip>slipped under load; squeal>squealed on the bends; fail>failed on a descent;
                      jam>jammed in the cold; need>needed constant fiddling""",
                degrees="sharp light stiff sensitive",
            ),
            Group(
                one="shop delivery assembly warranty manual dealer packaging",
                many="instructions mechanics",
                good="""helpful quick clear simple friendly prompt easy honest straightforward knowledgeable
                      reassuring thorough conscientious""",
                bad="""slow confusing unhelpful useless late incomplete vague rude complicated
                      incomprehensible careless shifty misleading worthless""",
                good_deeds="make>made it all easy; answer>answered every question; save>saved me a day",
                bad_deeds="""cost>cost me a weekend; leave>left out two screws; ignore>ignored my letters;
                      waste>wasted my time""",
            ),
        ),
    ),
    "game": Domain(
        lasting=True,
        openers="""I have played it for forty hours; I got it {when}; {who} and I play it together; I finished
            it {when}; it is set on a drowned planet; I play on the sofa; it is the third in the series; I
            bought it on release; I played the whole of it in one winter; we play it on Sundays""",
        groups=(
            Group(
                one="combat gameplay puzzle exploration level campaign crafting platforming stealth",
                many="puzzles levels battles controls quests",
                good="""fun addictive challenging clever varied fluid satisfying tight inventive exciting
                      responsive tense rewarding fair ingenious frantic tactical slick deep absorbing intuitive
                      strategic fiendish moreish breakneck""",
                bad="""repetitive frustrating clunky boring shallow buggy unfair tedious awkward confusing
                      easy sluggish grindy imprecise broken monotonous pointless unbalanced fiddly laggy
                      mindless punishing unresponsive rote""",
                good_deeds="""keep>kept me coming back; make>made the hours vanish; test>tested my wits;
                      get>got better and better; reward>rewarded patience""",
                bad_deeds="""get>got old fast; crash>crashed the console; make>made me throw the controller;
                      wear>wore me out; go>went on too long; outstay>outstayed its welcome""",
                degrees="hard easy long short fast",
            ),
            Group(
                one="world story art soundtrack setting dialogue lore map worldbuilding",
                many="graphics characters cutscenes voices",
                good="""beautiful rich immersive atmospheric detailed charming vast vivid funny mysterious
                      haunting gorgeous imaginative melancholy quirky sprawling lavish bewitching otherworldly
                      painterly characterful evocative""",
                bad="""bland ugly dated empty lifeless generic dull drab forgettable barren cheesy cliched
                      wooden soulless sterile muddy derivative blocky incoherent rehashed""",
                good_deeds="draw>drew me in; stay>stayed with me; give>gave me goosebumps; feel>felt alive",
                bad_deeds="leave>left me cold; feel>felt empty; look>looked ten years old; put>put me off",
                degrees="dark large busy serious cute",
            ),
            Group(
                one="multiplayer server matchmaking netcode",
                many="servers lobbies",
                good="""stable smooth quick helpful friendly fast reliable generous seamless polished simple
                      welcoming sensible""",
                bad="laggy unstable slow toxic broken buggy unreliable chaotic hostile exploitative empty",
                good_deeds="work>worked from day one; get>got me playing in a minute",
                bad_deeds="""kick>kicked me out; lose>lost my progress; spoil>spoiled our evenings;
                      drop>dropped our matches""",
            ),
        ),
    ),
    "museum": Domain(
        openers="""we visited {when} with the children; {who} recommended it; it is next to the cathedral; we
            spent two hours there; I went on my own {when}; it reopened {when}; we bought the combined ticket;
            it rained so we went in; we came with a school group; it has four floors""",
        groups=(
            Group(
                one="collection exhibition gallery display tour exhibit sculpture diorama mosaic retrospective",
                many="paintings exhibits displays tapestries fossils",
                good="""fascinating interesting beautiful informative varied moving unusual rich stimulating
                      thoughtful imaginative extensive absorbing educational engaging eclectic illuminating
                      evocative revelatory interactive enlightening edifying rare""",
                bad="""boring small dusty dull tired sparse confusing dated shabby repetitive faded dry
                      disorganised uninformative lifeless neglected patchy pretentious unlabelled stuffy musty
                      moribund fusty desultory""",
                good_deeds="""bring>brought history to life; keep>kept the children busy; open>opened my eyes;
                      deserve>deserved a whole day; make>made us want to learn more""",
                bad_deeds="""bore>bored the children; waste>wasted our afternoon; look>looked unfinished;
                      gather>gathered dust; leave>left us baffled""",
                degrees="large dark technical bright detailed",
            ),
            Group(
                one="guide audioguide curator attendant volunteer lecturer",
                many="guides captions labels",
                good="""knowledgeable enthusiastic helpful clear funny friendly informative passionate patient
                      lively engaging learned eloquent erudite lucid anecdotal scholarly personable""",
                bad="""boring unhelpful rude inaudible condescending confusing vague bossy muddled illegible
                      pompous droning monotonous ignorant longwinded hectoring misleading incomprehensible""",
                good_deeds="""answer>answered every question; hold>held the children rapt; tell>told wonderful
                      stories""",
                bad_deeds="""rush>rushed us through; read>read from a card; talk>talked down to us;
                      contradict>contradicted the guidebook""",
                degrees="chatty technical fast loud",
            ),
            Group(
                one="cafe shop entrance building ticket layout signage",
                many="tickets toilets facilities",
                good="""affordable clean welcoming handsome pleasant airy cheap accessible stylish light
                      inviting calm splendid sensible inexpensive""",
                bad="""expensive overpriced dirty crowded confusing cramped ugly gloomy closed chaotic
                      unwelcoming soulless extortionate inaccessible labyrinthine pricey""",
                good_deeds="round>rounded off the visit; suit>suited all ages; win>won us over",
                bad_deeds="send>sent us in circles; spoil>spoiled the visit; try>tried our patience",
                degrees="warm bright formal large",
            ),
        ),
    ),
    "kitchen": Domain(
        lasting=True,
        openers="""I bought it {when}; it was a wedding present from {who}; we use it every morning; it replaced
            one that lasted nine years; I chose the red one; it came in a large box; it sits next to the kettle;
            we have had it since the spring; I ordered it after a long search; {who} uses hers every day""",
        groups=(
            Group(
                one="machine kettle toaster blender mixer oven grinder steamer juicer percolator",
                many="blades dials",
                good="""reliable quick quiet powerful sturdy easy compact efficient handy simple durable
                      versatile sleek safe solid economical thrifty dependable foolproof tireless sharp
                      indestructible nimble""",
                bad="""noisy unreliable slow flimsy bulky leaky loud dangerous fiddly weak faulty clumsy cheap
                      useless wobbly messy underpowered temperamental deafening rusty wasteful blunt cumbersome
                      smoky hazardous""",
                good_deeds="""work>worked first time; save>saved me ten minutes a day; make>made mornings
                      easier; cope>coped with everything; earn>earned its place on the shelf""",
                bad_deeds="""leak>leaked on the worktop; trip>tripped the fuse; break>broke in a fortnight;
                      burn>burned everything; splash>splashed the walls; give>gave me a shock""",
                degrees="large heavy tall hot powerful",
            ),
            Group(
                one="coffee espresso toast juice dough foam crema smoothie",
                many="cappuccinos smoothies",
                good="""hot smooth rich fresh strong creamy aromatic even golden fragrant delicious velvety
                      full intense mellow silky frothy rounded syrupy""",
                bad="""weak bitter lukewarm watery burnt sour cold lumpy thin uneven stale scorched pale
                      gritty muddy metallic plasticky insipid acrid dusty""",
                good_deeds="beat>beat the cafe round the corner; wake>woke me up; taste>tasted like Rome",
                bad_deeds="taste>tasted of plastic; go>went down the sink; leave>left grounds in the cup",
                degrees="strong hot thick weak dark",
            ),
            Group(
                one="lid handle jug filter plug switch tray gasket spout",
                many="parts handles feet",
                good="""sturdy solid neat secure tight strong smooth practical washable removable grippy easy
                      sensible ingenious snug""",
                bad="""loose flimsy brittle stiff awkward wobbly cracked short fiddly cheap hot useless
                      slippery rickety""",
                good_deeds="fit>fitted perfectly; come>came up like new; stay>stayed cool",
                bad_deeds="snap>snapped off; melt>melted; come>came away in my hand; trap>trapped old crumbs",
                degrees="tight stiff short wide",
            ),
        ),
    ),
}
